import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { commandsOf, type Documented, documents, root } from './commands.ts';
import { readersFiles, readersNetworks, savedFiles, scoreServer } from './readers-files.ts';
import { shortened } from './shortened.ts';

// Runs the commands of the documents in a fresh clone, in their order, and lists how each ended. Not a part of `npm test`:
//
//     npx tsx test/documented/run.ts --short --minutes 3

/** What a document leaves to its reader, and what takes its place here. */
const stands: readonly (readonly [RegExp, string])[] = [
  [/(?<= )DIR(?= |$)/g, 'my-model'],
  [/(?<= )NAME(?= |$)/g, 'onnx'],
];

/** What is not had here, as the documents say it. PyTorch is there when BENCH_PYTHON names a Python that has it. */
const lacking = [
  /\bGPU\b/,
  /\bSlurm\b/,
  /\bhours?\b/,
  /\bTensorFlow\b/,
  /\bcommits\b/,
  /\bcards\b/,
  ...(process.env.BENCH_PYTHON ? [] : [/PyTorch|torchvision/]),
];

const options = await yargs(hideBin(process.argv))
  .options({
    file: { type: 'string', array: true, describe: 'Documents [default: all]' },
    only: { type: 'string', describe: 'Run the commands that match this expression' },
    minutes: { type: 'number', default: 30, describe: 'Longest time of a command' },
    short: {
      type: 'boolean',
      default: false,
      describe: 'Small data, few repetitions: do they run, not what do they give',
    },
    modules: {
      type: 'boolean',
      default: false,
      describe: 'Use node_modules of this checkout in place of npm ci',
    },
    clone: { type: 'string', describe: 'Clone of an earlier call, to go on in' },
    out: { type: 'string', describe: 'Write how each ended as JSON; what ran already is not run again' },
    'stop-after': { type: 'number', default: 600, describe: 'Begin no command after so many minutes' },
    dry: { type: 'boolean', default: false, describe: 'Print the commands' },
  })
  .strict()
  .parse();

interface Outcome {
  readonly file: string;
  /** As it stands there, and as it was run. */
  readonly text: string;
  readonly command: string;
  readonly state: 'ok' | 'failed' | 'too long' | 'needs';
  readonly seconds: number;
  readonly said: string;
}
const begun = performance.now();
const before: Outcome[] =
  options.out && existsSync(options.out) ? JSON.parse(await readFile(options.out, 'utf8')) : [];
const outcomes: Outcome[] = [];
let left = 0;
const clone = options.dry ? '.' : (options.clone ?? (await freshClone()));
if (!options.dry) await readersFiles(clone);

for (const file of options.file ?? (await documents())) {
  const seen = new Set<string>();
  if (!options.dry) await savedFiles(file, clone);
  for (const documented of await commandsOf(file)) {
    if (seen.has(documented.text) || (options.only && !new RegExp(options.only).test(documented.text)))
      continue;
    seen.add(documented.text);
    const earlier = before.find((one) => one.file === file && one.text === documented.text);
    if (performance.now() - begun > options.stopAfter * 60_000 && !/ok|needs/.test(earlier?.state ?? ''))
      left++;
    else if (earlier && /ok|needs/.test(earlier.state)) outcomes.push(earlier);
    else outcomes.push({ file, text: documented.text, ...(await outcomeOf(documented)) });
    if (options.out) await writeFile(options.out, JSON.stringify(outcomes, null, 2));
  }
}

for (const { file, command, state, seconds, said } of outcomes) {
  process.stdout.write(`${state.padEnd(8)} ${seconds.toFixed(0).padStart(4)} s  ${file}: ${command}\n`);
  if (state !== 'ok') process.stdout.write(`${' '.repeat(17)}${said}\n`);
}
const count = (wanted: Outcome['state']) => outcomes.filter(({ state }) => state === wanted).length;
process.stdout.write(
  `${clone}: ${count('ok')} ran, ${count('failed')} failed, ${count('too long')} too long, ${count('needs')} need what is not here, ${left} left\n`,
);
process.exitCode = count('failed') + count('too long') + left === 0 ? 0 : 1;

async function outcomeOf({
  program,
  text,
  needs,
  variables,
}: Documented): Promise<Omit<Outcome, 'file' | 'text'>> {
  let command = stands.reduce((line, [what, by]) => line.replaceAll(what, by), text);
  if (process.env.BENCH_PYTHON) command = command.replace(/^(BENCH|FUZZ)_PYTHON=\S+ /, '');
  if (options.short) command = await shortened(program, command);
  if (program === 'explore' && !command.includes('--export')) command += ' --no-open';
  if (needs && lacking.some((one) => one.test(needs)))
    return { command, state: 'needs', seconds: 0, said: needs };
  process.stderr.write(`\n$ ${command}\n`);
  if (options.dry) return { command, state: 'ok', seconds: 0, said: '' };
  readersNetworks(clone);
  const server = command.includes('localhost:8000') ? await startServer() : undefined;
  const started = performance.now();
  const { code, said } = await shell(`${variables}${command}`, clone, options.minutes);
  server?.kill();
  const state = code === 0 ? 'ok' : code === undefined ? 'too long' : 'failed';
  return { command, state, seconds: (performance.now() - started) / 1000, said: lastLine(said) };
}

async function freshClone(): Promise<string> {
  const dir = join(await mkdtemp(join(tmpdir(), 'documented-')), 'clone');
  await must(`git clone --quiet '${root}' '${dir}'`, root);
  if (options.modules) await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  else await must('npm ci', dir);
  return dir;
}

async function startServer() {
  await writeFile(join(clone, '.reader/server.py'), scoreServer);
  const server = spawn('python3', [join(clone, '.reader/server.py')], { stdio: 'inherit' });
  for (let i = 0; i < 50; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (await fetch('http://localhost:8000/').catch(() => undefined)) break;
  }
  return server;
}

async function must(line: string, cwd: string): Promise<void> {
  const { code, said } = await shell(line, cwd, 30);
  if (code !== 0) throw new Error(`${line}: ${lastLine(said)}`);
}

/**
 * @returns the exit code, undefined when it took too long, and what it said. A program that serves a page is asked to end
 *   once it has said where.
 */
function shell(
  line: string,
  cwd: string,
  minutes: number,
): Promise<{ code: number | undefined; said: string }> {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      PATH: `${join(cwd, '.reader')}:${process.env.PATH}`,
      HOME: cwd.endsWith('clone') ? cwd : process.env.HOME,
      S: '1',
      N: '9',
    };
    const child = spawn('bash', ['-c', line], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const end = (signal: NodeJS.Signals) => process.kill(-child.pid!, signal);
    let said = '';
    let late = false;
    let served = false;
    const timer = setTimeout(() => {
      late = true;
      end('SIGTERM');
    }, minutes * 60_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        process.stderr.write(text);
        if (!served && /http:\/\/127\.0\.0\.1:\d+\/\?key=/.test(said)) {
          served = true;
          end('SIGINT');
        }
      });
    }
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: late ? undefined : served ? 0 : (code ?? 1), said });
    });
  });
}

function lastLine(said: string): string {
  return said.trim().split('\n').at(-1) ?? '';
}
