import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { stringifyConfig } from '../../src/config/index.ts';
import {
  readAnswers,
  readPredictedMasks,
  type StoredAnswer,
  writeAnswers,
  writePredictedMasks,
} from '../../src/data/index.ts';
import { readEvaluation, readImageRecords } from '../../src/evaluation/index.ts';
import type { Random } from '../../src/random/index.ts';
import { writeReport } from '../../src/report/index.ts';
import {
  commandsLeft,
  loadSweep,
  runState,
  standingOutcomes,
  sweepMarkdown,
  sweepTable,
} from '../../src/sweep/index.ts';
import { writeDataset, writeEvaluation, writeTraining } from '../report/stored-run.ts';
import { damagedJson } from './damaged-json.ts';
import { damaged, inFolder, put } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

type Files = Readonly<Record<string, Buffer>>;

/** What reads files of results, which files it reads, and what it tells of them. */
interface Reader {
  readonly files: (name: string) => boolean;
  readonly read: (dir: string) => Promise<string>;
}

const sweepFile = `name: s
base: base.yaml
seeds: [1]
settings: [{ name: plain }]
evaluate: {}
metrics: [test.accuracy, summary.steps, evaluation.test.classification.accuracy]
`;
const baseFile = 'name: b\ndata: { dir: data, splits: { train: train, validation: null, test: [test] } }\n';

const readers: Readonly<Record<string, Reader>> = {
  report: {
    files: (name) => /^(run|data)\//.test(name),
    async read(dir) {
      const { path } = await writeReport(join(dir, 'run'), { data: join(dir, 'data') });
      const page = readFileSync(path, 'utf8');
      const slip = />\s*(undefined|NaN|Infinity|\[object \w+\])\s*</.exec(page);
      if (slip) wrong(`the report says ${slip[1]}: …${page.slice(slip.index - 80, slip.index + 20)}`);
      return page;
    },
  },
  evaluation: {
    files: (name) => name.startsWith('run/evaluation/'),
    async read(dir) {
      const path = join(dir, 'run/evaluation/test.json');
      const { split, model } = await readEvaluation(path);
      let count = 0;
      for await (const { id, labels, pairs } of readImageRecords(path)) {
        count += id.length + labels.length;
        for (const { methods } of pairs) count += Object.keys(methods).length;
      }
      return [split, model.name, count].join();
    },
  },
  sweep: {
    files: (name) => name.startsWith('sweep/'),
    async read(dir) {
      const sweep = await loadSweep(join(dir, 'sweep/s.yaml'), join(dir, 'sweep/out'));
      const states = await Promise.all(sweep.runs.map(runState));
      const left: unknown[] = [];
      for (const [i, run] of sweep.runs.entries()) left.push(await commandsLeft(sweep, run, states[i]!, 1));
      const table = sweepMarkdown(await sweepTable(sweep, await standingOutcomes(sweep, states)));
      return `${table}${JSON.stringify(left)}`;
    },
  },
  answers: {
    files: (name) => name === 'answers.tfrecord',
    async read(dir) {
      const answers = await readAnswers(join(dir, 'answers.tfrecord'));
      return JSON.stringify(
        [...answers].map(([id, { logits, maps }]) => [
          id,
          [...logits],
          [...maps].map(([c, map]) => [c, ...map]),
        ]),
      );
    },
  },
  masks: {
    files: (name) => name === 'masks.tfrecord',
    async read(dir) {
      const { info, masks } = await readPredictedMasks(join(dir, 'masks.tfrecord'));
      return JSON.stringify([
        info.classes,
        [...masks.values()].map(({ id, classes, confidence }) => [id, [...classes], [...confidence]]),
      ]);
    },
  },
};

let files: Files = {};
const clean = new Map<string, string>();

/** Result files of every kind, one of them damaged, gone, or a folder. */
export const resultsTarget: FuzzTarget = {
  name: 'results',
  describe:
    'damaged files of runs, evaluations, sweeps, teachers and predicted masks, at all that read them: a typed error, or a page and numbers',
  short: 60,
  seconds: 10,
  async start() {
    await inFolder(async (dir) => {
      await writeRun(join(dir, 'run'), join(dir, 'data'));
      await writeSweep(join(dir, 'sweep'));
      const answers: StoredAnswer[] = [0, 1].map((i) => ({
        id: `train#${i}`,
        logits: Float32Array.of(i, 0.5),
        maps: new Map([[i, Float32Array.of(0, 0.25, 0.5, 1)]]),
      }));
      await writeAnswers(join(dir, 'answers.tfrecord'), answers);
      const info = {
        imageSize: [2, 3] as const,
        fit: 'squash' as const,
        classes: ['a', 'b'],
        learnedFrom: 4,
        iou: [0.5, null],
        segmenter: {},
      };
      const masks = [0, 1].map((i) => ({
        id: `train#${i}`,
        classes: Uint8Array.of(0, 1, 2, 0, i, 0),
        confidence: new Map([[0, 0.5]]),
      }));
      await writePredictedMasks(join(dir, 'masks.tfrecord'), info, masks);
      files = filesIn(dir);
      for (const [name, { read }] of Object.entries(readers)) clean.set(name, await read(dir));
    });
  },
  async run(random) {
    const names = Object.keys(readers);
    const name = names[random.integer(names.length)]!;
    const reader = readers[name]!;
    const own = Object.fromEntries(Object.entries(files).filter(([file]) => reader.files(file)));
    const victims = Object.keys(own);
    const victim = victims[random.integer(victims.length)]!;
    await inFolder(async (dir) => {
      put(dir, own);
      const what = spoil(dir, victim, own[victim]!, random);
      const found = await reader.read(dir);
      const says = (text: string) => text.replaceAll(/tfjs-gain-fuzz-\w+/g, '');
      if (what === 'untouched' && says(found) !== says(clean.get(name)!)) wrong(`${name}: reads otherwise`);
      // CRCs find every flipped bit of a record.
      if (name === victim.replace('.tfrecord', '') && found !== clean.get(name)) {
        wrong(`${victim} ${what}: other content: ${found.slice(0, 120)}`);
      }
    });
  },
};

async function writeRun(run: string, data: string): Promise<void> {
  await writeTraining(run);
  await writeDataset(data);
  await writeEvaluation(run, data);
  const summary = {
    name: 'n',
    targetLayer: 'conv',
    epochs: 2,
    steps: 30,
    trainingSeconds: 2,
    imagesPerSecond: 20,
    best: { metric: 'accuracy', value: 0.5, epoch: 2 },
  };
  put(run, { 'summary.json': JSON.stringify(summary) });
  const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#47a' } })
    .png()
    .toBuffer();
  put(run, { 'attention/before-after.png': picture, 'attention/epoch-002.png': picture });
}

async function writeSweep(dir: string): Promise<void> {
  put(dir, { 's.yaml': sweepFile, 'base.yaml': baseFile });
  const { runs, out } = await loadSweep(join(dir, 's.yaml'), join(dir, 'out'));
  const [{ directory, config } = { directory: out, config: undefined }] = runs;
  put(directory, {
    'config.yaml': stringifyConfig(config!),
    'log.ndjson': '{"event":"start"}\n{"event":"step","step":1}\n{"event":"finish"}\n',
    'summary.json': JSON.stringify({
      steps: 3,
      metrics: { test: { accuracy: 0.5, constant: { accuracy: 0.25 } } },
    }),
    'evaluation/test.json': JSON.stringify({
      classification: { accuracy: { value: 0.75, low: 0.5, high: 1 } },
    }),
    'steps.json': '{"evaluate":"x"}',
  });
  put(out, { 'slurm/jobs.ndjson': '' });
}

function filesIn(dir: string, prefix = ''): Files {
  return Object.fromEntries(
    readdirSync(join(dir, prefix), { withFileTypes: true }).flatMap((entry) => {
      const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory()
        ? Object.entries(filesIn(dir, name))
        : [[name, readFileSync(join(dir, name))]];
    }),
  );
}

/** @returns what was done to the file */
function spoil(dir: string, victim: string, bytes: Buffer, random: Random): string {
  const path = join(dir, victim);
  switch (random.integer(10)) {
    case 0:
      return 'untouched';
    case 1:
      rmSync(path, { force: true });
      return 'is gone';
    case 2:
      rmSync(path, { force: true });
      mkdirSync(path);
      return 'is a folder';
    case 3:
    case 4:
    case 5: {
      const after = Buffer.from(damaged(bytes, random));
      put(dir, { [victim]: after });
      return after.equals(bytes) ? 'untouched' : 'damaged';
    }
    default: {
      const after = jsonDamaged(victim, bytes.toString(), random);
      if (after === undefined) return 'untouched';
      put(dir, { [victim]: after });
      return 'damaged';
    }
  }
}

/** JSON, or a line of many, damaged where it means something; undefined for what is none. */
function jsonDamaged(name: string, text: string, random: Random): string | undefined {
  if (name.endsWith('.json')) return damagedJson(text, random);
  if (!name.endsWith('.ndjson') || text === '') return undefined;
  const lines = text.split('\n');
  const at = random.integer(lines.length - 1);
  return lines.with(at, damagedJson(lines[at]!, random)).join('\n');
}
