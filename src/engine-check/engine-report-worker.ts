import type { EngineName, OnnxProvider } from '../engine/index.ts';
import { GainError } from '../errors/index.ts';
import { checkEngine } from './engine-check.ts';

// The other side of engine-report.ts: one engine, one answer.

const name = process.argv[2] as EngineName;
const provider = process.argv[3] as OnnxProvider | undefined;
try {
  process.send?.({ name, works: true, ...(await checkEngine(name, provider)) });
} catch (error) {
  const { message, stack } = error as Error;
  const problem = error instanceof GainError ? message.replace(/^Engine "\w+" cannot start: /, '') : stack;
  process.send?.({ name, works: false, problem });
}
process.disconnect?.();
