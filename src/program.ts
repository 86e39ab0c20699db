import { GainError } from './errors/index.ts';

/**
 * Runs the body of a command-line program: a typed error becomes one message on stderr and its exit code,
 * anything else its stack and exit code 1.
 */
export async function runProgram(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (error instanceof GainError) {
      process.stderr.write(`${error.name}: ${error.message}\n`);
      process.exitCode = error.exitCode;
    } else {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exitCode = 1;
    }
  }
}
