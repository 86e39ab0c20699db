import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { randomFor } from '../../src/random/index.ts';
import { type Ended, workplaceFor } from './command-line.ts';

/** How often a run is killed; the full measure is `GAIN_KILLS=10`. */
const kills = Number(process.env.GAIN_KILLS ?? 3);
const workplace = workplaceFor(test);
const patience = 120_000 * (kills + 2);

/** What a run ends with, as far as it may not depend on interruptions. */
async function resultOf(run: string) {
  const place = workplace();
  const { metrics, best, steps } = JSON.parse(await place.read(run, 'summary.json'));
  const { last } = JSON.parse(await place.read(run, 'checkpoints', 'index.json'));
  return {
    weights: (await readFile(place.path(run, 'model', 'weights.bin'))).toString('base64'),
    optimizer: (await readFile(place.path(run, 'checkpoints', last, 'optimizer.bin'))).toString('base64'),
    lines: await place.read(run, 'metrics.ndjson'),
    pictures: (await readdir(place.path(run, 'attention'))).sort(),
    metrics,
    best,
    steps,
  };
}

let whole: Promise<{ seconds: number; result: Awaited<ReturnType<typeof resultOf>> }> | undefined;

/** The uninterrupted run that the others are held against. */
function wholeRun() {
  whole ??= (async () => {
    const started = performance.now();
    const ended = await workplace().train(['--config', 'tiny.yaml', '--run', 'runs/whole']);
    if (ended.code !== 0) throw new Error(ended.stderr);
    return { seconds: (performance.now() - started) / 1000, result: await resultOf('runs/whole') };
  })();
  return whole;
}

test.serial(
  'two runs with one seed end with the same weights, bit by bit; another seed with others',
  async (t) => {
    t.timeout(patience);
    const { result } = await wholeRun();
    const again = await workplace().train(['--config', 'tiny.yaml', '--run', 'runs/again']);
    t.is(again.code, 0);
    t.deepEqual(await resultOf('runs/again'), result);

    const other = await workplace().callHere('train', [
      '--config',
      'tiny.yaml',
      '--run',
      'runs/other',
      '--set',
      'seed=2',
    ]);
    t.is(other.code, 0);
    t.not((await resultOf('runs/other')).weights, result.weights);
  },
);

test.serial(`killed at ${kills} random moments and resumed, a run ends as if nothing had been`, async (t) => {
  t.timeout(patience);
  const { seconds, result } = await wholeRun();
  const place = workplace();
  const random = randomFor(Number(process.env.GAIN_KILL_SEED ?? 1), 'kills');
  // With data of its own, so that a kill may also hit the drawing of it.
  const args = ['--config', 'tiny.yaml', '--run', 'runs/killed', '--set', 'data.dir=own-data'];
  const call = (killAfter?: number) => {
    const resume = existsSync(place.path('runs/killed/config.yaml')) ? ['--resume'] : [];
    return place.train([...args, ...resume], killAfter === undefined ? {} : { killAfter });
  };
  const struck: string[] = [];
  for (let kill = 0; kill < kills; kill++) {
    const ended = await call(1000 * seconds * random.uniform(0.15, 1));
    struck.push(lastLine(ended));
    if (ended.signal === null) t.is(ended.code, 0, ended.stderr);
    else t.is(ended.signal, 'SIGKILL');
  }
  const last = await call();
  t.is(last.code, 0, last.stderr);
  t.deepEqual(await resultOf('runs/killed'), result);
  t.log(`killed after: ${struck.join(' | ')}`);
});

function lastLine({ stderr }: Ended): string {
  return stderr.trimEnd().split('\n').at(-1)!;
}

const listed = (folder: string) => {
  const path = workplace().path(folder);
  return existsSync(path) ? readdirSync(path) : [];
};
const linesOf = (file: string) => {
  const path = workplace().path(file);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
};

test.serial(
  'each phase of a run can be killed: drawing, first steps, checkpoints, evaluations, the end',
  async (t) => {
    t.timeout(patience);
    const { result } = await wholeRun();
    const place = workplace();
    const args = ['--config', 'tiny.yaml', '--run', 'runs/phases', '--set', 'data.dir=phases-data'];
    const moments: [what: string, isNow: () => boolean][] = [
      ['drawing', () => existsSync(place.path('phases-data'))],
      ['no checkpoint yet', () => existsSync(place.path('runs/phases/log.ndjson'))],
      [
        'a checkpoint is being written',
        () => listed('runs/phases/checkpoints').some((f) => f.startsWith('.writing')),
      ],
      ['between evaluation and checkpoint', () => listed('runs/phases/attention').includes('epoch-001.json')],
      ['test evaluation', () => linesOf('runs/phases/metrics.ndjson') >= 3],
      ['after the end', () => existsSync(place.path('runs/phases/model'))],
    ];
    for (const [what, isNow] of moments) {
      const resume = existsSync(place.path('runs/phases/config.yaml')) ? ['--resume'] : [];
      let over = false;
      let killNow: (() => void) | undefined;
      const ending = place
        .train([...args, ...resume], {
          onStart: (kill) => {
            killNow = () => kill('SIGKILL');
          },
        })
        .finally(() => {
          over = true;
        });
      while (!over && !isNow()) await wait(2);
      killNow!();
      const ended = await ending;
      t.true(ended.signal === 'SIGKILL' || ended.code === 0, `${what}: ${ended.stderr}`);
      t.log(`${what}: ${ended.signal ?? 'ended before'} after "${lastLine(ended)}"`);
    }
    const last = await place.callHere('train', [...args, '--resume']);
    t.is(last.code, 0, last.stderr);
    t.deepEqual(await resultOf('runs/phases'), result);
  },
);

const python = process.env.TENSORBOARD_PYTHON;

(python ? test.serial : test.serial.skip)(
  'TensorBoard sees the run that was killed as if nothing had been (needs TENSORBOARD_PYTHON, a Python with tensorboard)',
  async (t) => {
    t.timeout(patience);
    const script = new URL('../reference/tensorboard_read.py', import.meta.url).pathname;
    const read = async (run: string) => {
      const { stdout } = await promisify(execFile)(python!, [script, workplace().path(run)], {
        maxBuffer: 2 ** 28,
      });
      const { scalars, images, histograms, texts, hparams } = JSON.parse(stdout);
      t.is(texts.config.length, 1);
      // How fast it went is the one thing that may differ.
      const { 'train/images-per-second': speed, ...rest } = scalars as Record<string, [number, number][]>;
      return { scalars: rest, steps: speed!.map(([step]) => step), images, histograms, hparams };
    };
    const [whole, killed] = [await read('runs/whole'), await read('runs/phases')];
    t.deepEqual(killed, whole);
    t.deepEqual(
      killed.steps,
      Array.from({ length: 18 }, (_, i) => i + 1),
    );
    t.deepEqual(
      killed.scalars['eval-test/mAP']!.map(([step]) => step),
      [18],
    );
  },
);

test('--resume=auto begins a run, goes on with it after an interruption, and says of a finished one what it is', async (t) => {
  t.timeout(patience);
  const place = workplace();
  const args = ['--config', 'tiny.yaml', '--run', 'auto', '--resume=auto', '--json'];
  const first = await place.train(args, {
    onStderr: (said, kill) => {
      if (/epoch 1\/2: loss/.test(said)) kill('SIGINT');
    },
  });
  t.is(first.code, 130, first.stderr);
  t.notRegex(first.stderr, /^resumed/m);
  const second = await place.callHere('train', args);
  t.is(second.code, 0, second.stderr);
  t.regex(second.stderr, /^resumed {2}after step/m);
  const third = await place.callHere('train', args);
  t.is(third.code, 0, third.stderr);
  t.deepEqual(JSON.parse(third.stdout).metrics, JSON.parse(second.stdout).metrics);
  const wrong = await place.callHere('train', [...args.slice(0, 4), '--resume=maybe']);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /--resume: expected nothing or auto, found maybe/);
});
