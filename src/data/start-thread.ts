import { Worker } from 'node:worker_threads';

/**
 * Starts a thread that runs a module of this package: the compiled file, or, run from the sources, the TypeScript
 * file. For that a line of JavaScript first imports in the thread what this process was started with (`--import`), or
 * tsx: Node 20 neither inherits loaders in threads nor takes them from `execArgv`.
 *
 * @param module its URL without the ending
 * @param workerData what the thread is born with
 */
export function startThread(module: URL, workerData: unknown): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${module.href}.js`), { workerData });
  const source = JSON.stringify(`${module.href}.ts`);
  return new Worker(`(async () => { ${loader()}; await import(${source}); })()`, {
    eval: true,
    execArgv: [],
    workerData,
  });
}

/** The line that makes a thread read TypeScript. */
function loader(): string {
  const own = process.execArgv
    .map((word) => /^(?:--import=)?(file:.*\/typescript\.mjs)$/.exec(word)?.[1])
    .find(Boolean);
  if (own) return `await import(${JSON.stringify(own)})`;
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  return `(await import(${tsx})).register()`;
}
