import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../data/temporary-folder.ts';

const loader = import.meta.resolve('../../.ci/typescript.mjs');

/** What a TypeScript module prints that Node reads through the loader. */
function output(file: string): string {
  return execFileSync(process.execPath, [`--import=${loader}`, file], { encoding: 'utf8' });
}

test('an error in a TypeScript module names its line and column, at the first start and from the cache', (t) => {
  const file = join(temporaryFolder(t), 'module.ts');
  const source = [
    'interface Taken {',
    `  readonly what: string; // ${Math.random()}`,
    '}',
    'const where = (taken: Taken): string => new Error(taken.what).stack!;',
    "console.log(where({ what: 'here' }));",
  ];
  writeFileSync(file, source.join('\n'));
  const place = new RegExp(`module\\.ts:4:${source[3]!.indexOf('new Error') + 1}`);
  t.regex(output(file), place);
  t.regex(output(file), place);
});

test('what is more than types, and a file that is named as it will be once it is compiled', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'colours.ts'), 'export enum Colour { red = 3 }');
  const file = join(folder, 'program.mts');
  writeFileSync(
    file,
    "import { Colour } from './colours.js';\nconsole.log(Colour.red as number, Colour[3]);",
  );
  t.is(output(file), '3 red\n');
});
