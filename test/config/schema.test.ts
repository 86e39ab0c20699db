import { readFile } from 'node:fs/promises';
import test from 'ava';
import { configJsonSchema } from '../../src/config/index.ts';

test('configs/schema.json is what the schema says; `npm run schema` writes it anew', async (t) => {
  const stored = await readFile(new URL('../../configs/schema.json', import.meta.url), 'utf8');
  t.deepEqual(JSON.parse(stored), JSON.parse(JSON.stringify(configJsonSchema())));
});
