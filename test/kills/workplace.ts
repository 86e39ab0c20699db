import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { randomFor } from '../../src/random/index.ts';

/** A tiny experiment: 24 images of 16x16 pixels, three epochs of three steps, a checkpoint every two. */
const experiment = `name: tiny
data:
  source: tfrecord
  dir: ../base/data
  imageSize: [16, 16]
  batchSize: 8
  workers: 1
  splits: { train: train, validation: val, test: [test] }
model: { options: { widths: [4, 4], dropout: 0.25 } }
gain: { classesToMine: random }
training: { epochs: 3, checkpointEvery: 2 }
evaluation: { batchSize: 8 }
log: { scalarsEvery: 1, images: 2 }
engine: { name: onnx, threads: 1 }
`;

const sweep = `base: tiny.yaml
set: { training.epochs: 1 }
seeds: [1]
settings:
  - name: guided
  - name: plain
    set: { gain.losses.mining.weight: 0 }
evaluate: { bootstrap: 10, threshold: 0.2 }
metrics: [test.accuracy, evaluation.test.classification.accuracy]
`;

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly seconds: number;
  /** How often a file in its folder was made, changed or renamed. */
  readonly changes: number;
  readonly said: string;
}

/** When a program is killed: after a time, or at a change of a file in its folder. */
export type Moment = { readonly seconds: number } | { readonly change: number };

const extension = extname(import.meta.url);
const cli = fileURLToPath(new URL(`../../src/cli${extension}`, import.meta.url));
/** As a user calls it from a checkout; compiled (`npm run build:checks`) it starts faster. */
const command = [
  process.execPath,
  ...(extension === '.ts' ? [`--import=${import.meta.resolve('../../.ci/typescript.mjs')}`] : []),
  cli,
];

/** A folder in which every job has one of its own, beside the data and the run that they start from. */
export class Workplace {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Workplace> {
    const place = new Workplace(await mkdtemp(join(tmpdir(), 'tfjs-gain-kills-')));
    const base = await place.job('base');
    await writeFile(join(base, 'tiny.yaml'), experiment);
    await writeFile(join(base, 'sweep.yaml'), sweep);
    await drawImages(base);
    const begun: [string, string[]][] = [
      ['import', ['csv', '--file', 'list.csv', '--out', 'data', '--name', 'data']],
      ['train', ['--config', 'tiny.yaml', '--run', 'run']],
    ];
    for (const [program, args] of begun) {
      const { code, said } = await place.call('base', [program, ...args]);
      if (code !== 0) throw new Error(`${program}: ${said}`);
    }
    return place;
  }

  /** Makes the folder of a job. */
  async job(name: string): Promise<string> {
    const folder = join(this.folder, name);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Calls a program in the folder of a job, and kills it and all that it has started (SIGKILL) at a moment. */
  async call(job: string, args: readonly string[], moment?: Moment): Promise<Ended> {
    const folder = join(this.folder, job);
    const started = performance.now();
    const [file, ...rest] = [...command, ...args];
    const child = spawn(file!, rest, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const kill = () => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    let changes = 0;
    const watcher = watch(folder, { recursive: true }, () => {
      changes++;
      if (moment && 'change' in moment && changes === moment.change) kill();
    });
    watcher.on('error', () => {});
    const timer = moment && 'seconds' in moment ? setTimeout(kill, moment.seconds * 1000) : undefined;
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        watcher.close();
        resolve({ code, signal, seconds: (performance.now() - started) / 1000, changes, said });
      });
    });
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** 24 images of two classes in two groups, with boxes. */
async function drawImages(folder: string): Promise<void> {
  const lines = ['file,label,split,group,xmin,ymin,xmax,ymax'];
  const random = randomFor('kills', 'images');
  for (let i = 0; i < 24; i++) {
    const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, () => random.integer(256));
    const [x, y] = [random.integer(8), random.integer(8)];
    for (let row = y; row < y + 8; row++)
      pixels.fill(i % 2 ? 250 : 5, (row * 16 + x) * 3, (row * 16 + x + 8) * 3);
    await sharp(pixels, { raw: { width: 16, height: 16, channels: 3 } })
      .png()
      .toFile(join(folder, `${i}.png`));
    const split = i < 16 ? 'train' : i < 20 ? 'val' : 'test';
    lines.push(`${i}.png,${i % 2 ? 'light' : 'dark'},${split},g${(i >> 1) % 2},${x},${y},${x + 8},${y + 8}`);
  }
  await writeFile(join(folder, 'list.csv'), `${lines.join('\n')}\n`);
}
