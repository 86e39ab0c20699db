import { fileURLToPath } from 'node:url';

/**
 * The package's programs as a command line to which `NAME …` is added: the compiled ones where `npm test` has built them
 * and says so (`GAIN_TEST_COMPILED`), since a process starts in half the time then, else the sources.
 */
export const programCommand: readonly [file: string, ...args: string[]] = process.env.GAIN_TEST_COMPILED
  ? [process.execPath, fileURLToPath(new URL('../dist/cli.js', import.meta.url))]
  : [
      process.execPath,
      `--import=${import.meta.resolve('../.ci/typescript.mjs')}`,
      fileURLToPath(new URL('../src/cli.ts', import.meta.url)),
    ];
