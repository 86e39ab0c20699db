import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of this checkout's modules, as the tests see them: `.js` where they are compiled (`npm test`), else `.ts`. */
export const moduleEnding = extname(fileURLToPath(import.meta.url));

/** What Node is to be told before it can read them. */
export const moduleLoading: readonly string[] =
  moduleEnding === '.ts' ? [`--import=${import.meta.resolve('../.ci/typescript.mjs')}`] : [];

/** The command line that runs one of them. @param module without its ending */
export const moduleCommand = (module: URL): readonly [file: string, ...args: string[]] => [
  process.execPath,
  ...moduleLoading,
  fileURLToPath(`${module}${moduleEnding}`),
];

/** The package's programs as a command line to which `NAME …` is added. */
export const programCommand = moduleCommand(new URL('../src/cli', import.meta.url));
