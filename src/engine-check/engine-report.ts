import { fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineName, OnnxProvider } from '../engine/index.ts';
import type { EngineCheck } from './engine-check.ts';

/** An engine on this machine: what it does, or why it does not. */
export type EngineReport =
  | ({ readonly name: EngineName; readonly works: true } & EngineCheck)
  | { readonly name: EngineName; readonly works: false; readonly problem: string };

/** Above this, an engine computes something else than the others: rounding stays below a hundredth of it. */
const tolerance = 1e-3;

/**
 * Checks an engine in a process of its own, since a native library that does not fit may take its process with it.
 */
export function reportEngine(name: EngineName, provider?: OnnxProvider): Promise<EngineReport> {
  const worker = new URL(`./engine-report-worker${extname(import.meta.url)}`, import.meta.url);
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(worker), provider ? [name, provider] : [name], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let printed = '';
    let answer: EngineReport | undefined;
    child.stderr?.on('data', (text) => {
      printed = (printed + text).slice(-2000);
    });
    child.on('message', (message) => {
      answer = judged(message as EngineReport);
    });
    child.on('close', (status, signal) => {
      const last = printed.trim().split('\n').at(-1);
      const problem = `its process ended with ${signal ?? status}${last ? `: ${last}` : ''}`;
      resolve(answer ?? { name, works: false, problem });
    });
  });
}

function judged(report: EngineReport): EngineReport {
  if (!report.works) return report;
  const { name, firstOrder, secondOrder } = report;
  // NaN is no number in JSON.
  if (Math.max(firstOrder ?? Number.NaN, secondOrder ?? Number.NaN) < tolerance) return report;
  const problem = `its gradients differ from the engine cpu: ${firstOrder} in first order, ${secondOrder} in second`;
  return { name, works: false, problem };
}
