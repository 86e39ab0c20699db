import { Worker } from 'node:worker_threads';

export interface Watchdog {
  /** Says that an input begins. */
  begin(input: number): void;
  end(): void;
}

/** Waits for beats of the main thread, and ends the process when they stay away: [beats, input]. */
const PATROL = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { beats, name, seed, seconds } = workerData;
const state = new Int32Array(beats);
let seen = -1;
let since = Date.now();
setInterval(() => {
  const now = Atomics.load(state, 0);
  if (now !== seen) { seen = now; since = Date.now(); return; }
  if (Date.now() - since < seconds * 1000) return;
  writeSync(2, 'fuzz: ' + name + ', seed ' + seed + ', input ' + Atomics.load(state, 1) +
    ': still not done after ' + seconds + ' s; the process ends here\\n');
  process.kill(process.pid, 'SIGKILL');
}, 500);
`;

/**
 * Watches from a thread of its own that no input takes for ever: one that never gives the event loop back could not be
 * stopped otherwise. Where an input takes three times what it may, and half a minute at least, the process says which one, and is killed.
 */
export function watch(name: string, seed: number, seconds: number): Watchdog {
  const beats = new SharedArrayBuffer(8);
  const state = new Int32Array(beats);
  const workerData = { beats, name, seed, seconds: Math.max(30, 3 * seconds) };
  const worker = new Worker(PATROL, { eval: true, workerData, execArgv: [] });
  worker.unref();
  return {
    begin(input) {
      Atomics.store(state, 1, input);
      Atomics.add(state, 0, 1);
    },
    end: () => void worker.terminate(),
  };
}
