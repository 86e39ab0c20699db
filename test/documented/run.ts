import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { commandsOf, root } from './commands.ts';

// Runs the commands of a document in a fresh clone, in their order, and lists how each ended. Not a part of `npm test`:
//
//     npx tsx test/documented/run.ts --short --minutes 3

/** What a document leaves to its reader, and what takes its place here. */
const stands: readonly (readonly [RegExp, string])[] = [[/(?<= )DIR(?= |$)/g, 'runs/gain/model']];

const options = await yargs(hideBin(process.argv))
  .options({
    file: { type: 'string', default: 'README.md', describe: 'Document' },
    only: { type: 'string', describe: 'Run the commands that match this expression' },
    minutes: { type: 'number', default: 30, describe: 'Longest time of a command' },
    short: {
      type: 'boolean',
      default: false,
      describe: 'Trainings of one epoch: do they run, not what do they give',
    },
    modules: {
      type: 'boolean',
      default: false,
      describe: 'Use node_modules of this checkout in place of npm ci',
    },
    clone: { type: 'string', describe: 'Clone of an earlier call, to go on in' },
  })
  .strict()
  .parse();

const clone = options.clone ?? (await freshClone());
await usersFiles(clone);

interface Outcome {
  readonly text: string;
  readonly state: 'ok' | 'failed' | 'too long';
  readonly seconds: number;
  readonly said: string;
}
const outcomes: Outcome[] = [];
const seen = new Set<string>();
for (const { program, text } of await commandsOf(options.file)) {
  if (seen.has(text) || (options.only && !new RegExp(options.only).test(text))) continue;
  seen.add(text);
  let line = stands.reduce((command, [what, by]) => command.replaceAll(what, by), text);
  if (options.short && program === 'train') line += ' --set training.epochs=1';
  process.stderr.write(`\n$ ${line}\n`);
  const started = performance.now();
  const { code, said } = await shell(line, clone, options.minutes);
  const state = code === 0 ? 'ok' : code === undefined ? 'too long' : 'failed';
  outcomes.push({ text: line, state, seconds: (performance.now() - started) / 1000, said: lastLine(said) });
}

process.stdout.write(`\n${options.file} in ${clone}\n`);
for (const { text, state, seconds, said } of outcomes) {
  process.stdout.write(`${state.padEnd(8)} ${seconds.toFixed(0).padStart(4)} s  ${text}\n`);
  if (state !== 'ok') process.stdout.write(`${' '.repeat(17)}${said}\n`);
}
process.exitCode = outcomes.every(({ state }) => state === 'ok') ? 0 : 1;

async function freshClone(): Promise<string> {
  const dir = join(await mkdtemp(join(tmpdir(), 'documented-')), 'clone');
  await must(`git clone --quiet '${root}' '${dir}'`, root);
  if (options.modules) await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  else await must('npm ci', dir);
  return dir;
}

/** Photos of two classes with masks, and one of its own: what the reader of the README is said to have. */
async function usersFiles(dir: string): Promise<void> {
  for (const [name, background] of [
    ['cat', '#964'],
    ['dog', '#469'],
  ] as const) {
    for (let i = 0; i < 20; i++) {
      const photo = join(dir, 'pets', name, `${i}.jpg`);
      if (existsSync(photo)) continue;
      const draw = async (file: string, back: string, front: string) => {
        await mkdir(dirname(file), { recursive: true });
        const create = { width: 24, height: 24, channels: 3 as const, background: front };
        await sharp({ create: { width: 64, height: 64, channels: 3, background: back } })
          .composite([{ input: { create }, left: 2 * i, top: 40 - 2 * i }])
          .toFile(file);
      };
      await draw(photo, `rgb(${80 + i * 5}, 120, ${160 - i * 4})`, background);
      await draw(join(dir, 'pet-masks', name, `${i}.png`), 'black', 'white');
    }
  }
  const cat = join(dir, 'cat.jpg');
  if (!existsSync(cat)) await sharp(join(dir, 'pets', 'cat', '0.jpg')).toFile(cat);
  if (!existsSync(join(dir, 'pets.yaml'))) {
    await writeFile(
      join(dir, 'pets.yaml'),
      'name: pets\ndata: { source: tfrecord, dir: data/pets, splits: { test: [test] }, batchSize: 4 }\n',
    );
  }
}

async function must(line: string, cwd: string): Promise<void> {
  const { code, said } = await shell(line, cwd, 30);
  if (code !== 0) throw new Error(`${line}: ${lastLine(said)}`);
}

/** @returns the exit code, undefined when it took too long, and what it said */
function shell(
  line: string,
  cwd: string,
  minutes: number,
): Promise<{ code: number | undefined; said: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', line], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      process.kill(-child.pid!, 'SIGTERM');
    }, minutes * 60_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        process.stderr.write(text);
      });
    }
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: late ? undefined : (code ?? 1), said });
    });
  });
}

function lastLine(said: string): string {
  return said.trim().split('\n').at(-1) ?? '';
}
