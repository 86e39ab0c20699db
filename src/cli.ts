#!/usr/bin/env node
import { nearest } from './errors/index.ts';

// The package's command, `npx tfjs-gain train …`: the programs of the checkout under one name.

const programs: Record<string, () => Promise<unknown>> = {
  train: () => import('./train.ts'),
  sweep: () => import('./sweep.ts'),
  evaluate: () => import('./evaluate.ts'),
  report: () => import('./report.ts'),
  import: () => import('./import.ts'),
  data: () => import('./data.ts'),
  engines: () => import('./engines.ts'),
  'setup-tensorflow': () => import('./setup-tensorflow.ts'),
  export: () => import('./export.ts'),
  explain: () => import('./explain.ts'),
  units: () => import('./units.ts'),
};

const [name = '--help'] = process.argv.splice(2, 1);
const start = programs[name];
if (start) {
  await start();
} else {
  const known = Object.keys(programs).join(', ');
  const guess = nearest(name, Object.keys(programs))[0];
  const problem =
    name === '--help' ? '' : `${name}: no such command${guess ? `; did you mean ${guess}?` : ''}\n`;
  const usage = `usage: tfjs-gain COMMAND …   (${known}; tfjs-gain COMMAND --help shows its options)\n`;
  (problem ? process.stderr : process.stdout).write(problem + usage);
  process.exitCode = problem ? 2 : 0;
}
