// One side of a comparison: a process that takes its turn when it is told to. `participant.ts` is the other end.
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs-core';
import { type EngineName, type OnnxProvider, startEngine } from '../src/engine/index.ts';
import { type TaskName, taskNamed } from './tasks/index.ts';

/** The first line that the process is given. */
export interface Assignment {
  readonly engine: EngineName | 'wasm';
  readonly task: TaskName;
  readonly settings: object;
  readonly folder: string;
  readonly threads: number;
  /** What our engine computes with. */
  readonly provider: OnnxProvider;
  /** Where PyTorch computes: `cpu`, `cuda` or `mps`. */
  readonly device: string;
}

const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
// What libraries print must not get between the messages.
console.log = console.error;
console.info = console.error;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const assignment = JSON.parse((await lines.next()).value) as Assignment;
try {
  const version = await start(assignment);
  const step = await taskNamed(assignment.task).start(assignment.settings, assignment.folder);
  say({ version });
  while (!(await lines.next()).done) {
    const [cpu, clock] = [process.cpuUsage(), performance.now()];
    const value = await step();
    const ms = performance.now() - clock;
    const { user, system } = process.cpuUsage(cpu);
    say({ ms, cpuMs: (user + system) / 1000, value, peakMiB: process.resourceUsage().maxRSS / 1024 });
  }
} catch (error) {
  say({ unavailable: error instanceof Error ? error.message.split('\n', 1)[0] : String(error) });
}
process.exit();

async function start({ engine, threads, provider }: Assignment): Promise<string> {
  if (engine !== 'wasm') {
    const settings = { threads: engine === 'cpu' ? 0 : threads, onnx: { provider } };
    const { version, device } = await startEngine({ engine, ...settings });
    return engine === 'onnx' && provider !== 'cpu' ? `${version}, ${device}` : version;
  }
  const name: string = '@tensorflow/tfjs-backend-wasm';
  const wasm = (await import(name).catch(() => {
    throw new Error(`${name} is not installed`);
  })) as { setThreadsCount(threads: number): void; version_wasm: string };
  wasm.setThreadsCount(threads);
  if (!(await tf.setBackend('wasm'))) throw new Error(`${name} does not start`);
  return `tfjs-backend-wasm ${wasm.version_wasm}`;
}
