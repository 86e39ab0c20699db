import { writeFile } from 'node:fs/promises';
import { configJsonSchema } from '../config/index.ts';
import { sweepJsonSchema } from '../sweep/index.ts';

// Writes the JSON Schemas by which editors complete and check experiment and sweep files; tests fail when they are
// out of date.
for (const [file, schema] of [
  ['schema.json', configJsonSchema()],
  ['sweeps/schema.json', sweepJsonSchema()],
] as const) {
  await writeFile(new URL(`../../configs/${file}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
