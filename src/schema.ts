import { writeFile } from 'node:fs/promises';
import { configJsonSchema } from './config/index.ts';

// Writes the JSON Schema by which editors complete and check experiment files; a test fails when it is out of date.
const path = new URL('../configs/schema.json', import.meta.url);
await writeFile(path, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
