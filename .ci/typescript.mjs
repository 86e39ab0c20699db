// Lets Node read the TypeScript of this checkout: `node --import=./.ci/typescript.mjs src/cli.ts train …`.
//
// Types are blanked out (tsconfig has erasableSyntaxOnly), so that every line and column stays where it is and no source
// map is needed; the result is kept in node_modules/.cache/typescript under the hash of its source. It takes a quarter to
// a third less processor time than tsx, which resolves and transpiles for all the ways in which TypeScript was written.
import { existsSync } from 'node:fs';
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';

register('./typescript-hooks.mjs', import.meta.url);

// Child processes and threads that take the loader over may have another working folder.
process.execArgv = process.execArgv.map((word) => {
  const [, option, file] = /^(--import=)?(\..*)$/.exec(word) ?? [];
  return file && existsSync(file) ? `${option ?? ''}${pathToFileURL(file)}` : word;
});
