import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { runProgram } from '../../src/programs/program.ts';

// npm run test:engine -- NAME [AVA ARGUMENTS]: the tests that depend on an engine, on that engine.

const test = fileURLToPath(new URL('..', import.meta.url));

/** Tests that start whatever `GAIN_TEST_ENGINE` names. */
function engineTests(): string[] {
  const files = readdirSync(test, { recursive: true }) as string[];
  const dependsOn = (file: string) =>
    /GAIN_TEST_ENGINE|startTestEngine|'.\/command-line.ts'/.test(readFileSync(join(test, file), 'utf8'));
  return files
    .filter((file) => file.endsWith('.test.ts') && !file.startsWith('engine'))
    .filter(dependsOn)
    .map((file) => join('test', file))
    .sort();
}

await runProgram(async () => {
  const [name, ...argumentsOfAva] = process.argv.slice(2);
  if (!name || name.startsWith('-'))
    throw new UsageError('npm run test:engine -- NAME   (npm run engines lists them)');
  const { reason } = await startEngine({ engine: name as EngineName });
  const files = engineTests();
  process.stdout.write(`${reason}\n${files.length} test files\n`);
  const ava = join(dirname(createRequire(import.meta.url).resolve('ava')), 'cli.mjs');
  const { status } = spawnSync(process.execPath, [ava, ...files, ...argumentsOfAva], {
    cwd: join(test, '..'),
    env: { ...process.env, GAIN_TEST_ENGINE: name },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
});
