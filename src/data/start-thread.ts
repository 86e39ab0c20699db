import { Worker } from 'node:worker_threads';

/**
 * Starts a thread that runs a module of this package: the compiled file, or, run from the sources, the TypeScript
 * file. For that a line of JavaScript first switches on tsx in the thread: Node 20 neither inherits loaders in
 * threads nor takes them from `execArgv`.
 *
 * @param module its URL without the ending
 * @param workerData what the thread is born with
 */
export function startThread(module: URL, workerData: unknown): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(`${module.href}.js`), { workerData });
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const source = JSON.stringify(`${module.href}.ts`);
  const bootstrap = `import(${tsx}).then(({ register }) => { register(); return import(${source}); })`;
  return new Worker(bootstrap, { eval: true, execArgv: [], workerData });
}
