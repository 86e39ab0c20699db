import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ConfigError } from '../../src/errors/index.ts';
import {
  performHalving,
  performSweep,
  rungEpochs,
  type Sweep,
  sweepMarkdown,
  sweepTable,
} from '../../src/sweep/index.ts';
import { PretendedTraining, sweepFolders } from './sweep-folder.ts';

const folder = sweepFolders(test);

const drawn = (count: number, more = '') => `base: tiny.yaml
seeds: [1]
points:
  random: ${count}
  from:
    training.optimizer.learningRate: { min: 0.0001, max: 0.1, scale: log }
    data.batchSize: { min: 4, max: 32, integer: true }
    gain.method: [cam, grad-cam]
${more}`;

const settingsOf = (sweep: Sweep) => sweep.runs.map(({ set }) => Object.fromEntries(set));

test('random points lie in their ranges, are named by their values, and stay when more are asked for', async (t) => {
  const { load } = await folder();
  const few = await load(drawn(4));
  const many = await load(drawn(30));
  t.deepEqual(
    many.runs.slice(0, 4).map(({ name }) => name),
    few.runs.map(({ name }) => name),
  );
  t.is(new Set(many.rows).size, 30);
  const rates = settingsOf(many).map((set) => set['training.optimizer.learningRate'] as number);
  t.true(rates.every((rate) => rate >= 1e-4 && rate <= 0.1));
  // Half of a logarithmic range lies below its geometric mean.
  const low = rates.filter((rate) => rate < 10 ** -2.5).length;
  t.true(low >= 8 && low <= 22, `${low} of 30 below`);
  for (const set of settingsOf(many)) {
    t.true(Number.isInteger(set['data.batchSize']) && (set['data.batchSize'] as number) >= 4);
    t.true(['cam', 'grad-cam'].includes(set['gain.method'] as string));
  }
  const [first] = many.runs;
  t.is(first!.row, many.rows[0]!);
  t.regex(first!.row, /^optimizer\.learningRate=[\d.e-]+, data\.batchSize=\d+, gain\.method=(grad-)?cam$/);
  t.is(first!.config.data.batchSize, settingsOf(many)[0]!['data.batchSize'] as number);
  const other = await load(drawn(4).replace('random: 4', 'random: 4\n  seed: 2'));
  t.notDeepEqual(other.rows, few.rows);
});

test('points beside settings are parts; too few different ones, and ranges upside down, are refused', async (t) => {
  const { load } = await folder();
  const beside = await load(
    drawn(3, 'settings: [{ name: a, set: { gain.losses.mining.weight: 0 } }, { name: b }]\n'),
  );
  t.deepEqual(beside.rows, ['a', 'b']);
  t.is(beside.parts.length, 3);
  const one = 'base: tiny.yaml\nseeds: [1]\npoints: { random: 3, from: { gain.method: [cam, grad-cam] } }\n';
  await t.throwsAsync(load(one), { instanceOf: ConfigError, message: /no more than 2 different points/ });
  await t.throwsAsync(load(drawn(2).replace('min: 4, max: 32', 'min: 40, max: 32')), {
    message: /min below max/,
  });
});

const halved = `base: tiny.yaml
set: { training.epochs: 9 }
seeds: [1, 2]
settings: [{ name: a }, { name: b, set: { gain.losses.mining.weight: 2 } }, { name: c, set: { gain.losses.mining.weight: 3 } }]
metrics: [test.accuracy]
halving: { factor: 3, metric: summary.chosen }
`;

/** Trains and puts what rows are chosen by into the summary, better with every epoch and from a to c. */
class Judged extends PretendedTraining {
  override async launch(job: Parameters<PretendedTraining['launch']>[0]): Promise<number | null> {
    const code = await super.launch(job);
    const args = 'args' in job.command ? job.command.args : [];
    const run = args[args.indexOf('--run') + 1]!;
    const epochs = Number(/training\.epochs=(\d+)/.exec(args.join(' '))![1]);
    const { writeFile } = await import('node:fs/promises');
    const summary = JSON.parse(await readFile(join(run, 'summary.json'), 'utf8'));
    const chosen = { a: 0.1, b: 0.2, c: 0.3 }[/([abc])\/seed/.exec(run)![1]!]! + epochs / 100;
    await writeFile(join(run, 'summary.json'), JSON.stringify({ ...summary, chosen }));
    this.lengths.push(epochs);
    return code;
  }
  readonly lengths: number[] = [];
}

test('successive halving: all for an epoch, a third of them for three, and that one to the end', async (t) => {
  t.deepEqual(rungEpochs({ metric: '', lower: false, factor: 3, epochs: 1 }, 9), [1, 3, 9]);
  t.deepEqual(rungEpochs({ metric: '', lower: false, factor: 2, epochs: 3 }, 10), [3, 6, 10]);
  const { load, path } = await folder();
  const sweep = await load(halved);
  const launcher = new Judged(() => ({ accuracy: 0.5 }));
  const perform = (part: Sweep) => performSweep(part, { launcher, jobs: 1, threads: 1, pollEvery: 5 });
  const said: string[] = [];
  const outcomes = await performHalving(sweep, sweep.halving!, perform, (line) => void said.push(line));
  t.deepEqual(said, [
    'rung 1/3: 6 runs of 1 epochs',
    'rung 2/3: 2 runs of 3 epochs',
    'rung 3/3: 2 runs of 9 epochs',
  ]);
  t.deepEqual(launcher.lengths, [1, 1, 1, 1, 1, 1, 3, 3, 9, 9]);
  t.deepEqual(launcher.calls.slice(6, 8), ['c 1 resumed', 'c 2 resumed']);
  t.deepEqual(
    outcomes.map((outcome) => ('reason' in outcome ? outcome.reason : outcome.status)),
    [0, 1].flatMap(() => ['dropped after 1 epochs', 'dropped after 1 epochs', 'finished']),
  );
  const rungs = JSON.parse(await readFile(path('out', 'halving.json'), 'utf8'));
  t.deepEqual(
    rungs.map(({ epochs, kept }: { epochs: number; kept: object }) => [epochs, kept]),
    [
      [1, { '': ['c'] }],
      [3, { '': ['c'] }],
    ],
  );
  t.true(Math.abs(rungs[0].scores[''].b - 0.21) < 1e-9);
  const markdown = sweepMarkdown(await sweepTable(sweep, outcomes));
  t.regex(markdown, /^\| a +\| 0, 2 dropped \| +– \|$/m);
  t.regex(markdown, /^\| c +\| +2 \| +50\.0 ± 0\.0 \|$/m);

  // Again: nothing is trained, and what was dropped stays so.
  launcher.lengths.length = 0;
  t.deepEqual(await performHalving(sweep, sweep.halving!, perform, () => {}), outcomes);
  t.deepEqual(launcher.lengths, []);
  // A survivor that is deleted is run to the end, not through the rungs.
  await rm(sweep.runs[2]!.directory, { recursive: true });
  await performHalving(sweep, sweep.halving!, perform, () => {});
  t.deepEqual(launcher.lengths, [9]);
});

test('a rung with a run that failed goes on without its row; rows are not chosen by a test split', async (t) => {
  const { load } = await folder();
  const sweep = await load(halved);
  const launcher = new Judged((setting) => ({ accuracy: setting === 'c' ? 0.1 : 0.5 }));
  const perform = (part: Sweep) => performSweep(part, { launcher, jobs: 1, threads: 1, pollEvery: 5 });
  const failing = async (part: Sweep) => {
    const outcomes = await perform(part);
    for (const [i, run] of part.runs.entries()) {
      if (run.row === 'c') {
        await rm(join(run.directory, 'summary.json'));
        outcomes[i] = { status: 'failed', code: 3, reason: 'torn', trained: false };
      }
    }
    return outcomes;
  };
  const outcomes = await performHalving(sweep, sweep.halving!, failing, () => {});
  t.is(outcomes[1]!.status, 'finished', 'b is the best of those that have a score');
  await t.throwsAsync(load(halved.replace('summary.chosen', 'test.accuracy')), {
    message: /halving\.metric: test\.accuracy is of a test split/,
  });
});
