// How often does the audit raise an alarm over a classifier that has no shortcut?
//
//     npx tsx test/audit/false-alarms.ts [--seeds 20] [--jobs 2] [--out FILE.json]
//                                        [--train 1200] [--epochs 8] [--per-cell 100] [--set biased-boats]
//
// For each seed: draws the set as a control (the cue is there as often and says nothing of the object), trains the small
// network of configs/gain.yaml on it, and audits all classes on `val` with its true masks, as `npm run audit` does. Each
// seed is a process with one thread. Prints a line for each seed and class, and the share of alarms with its 95 %
// interval (Clopper & Pearson). With --shortcut the sets have their shortcut: what is found there is no false alarm.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { auditNetwork } from '../../src/audit/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { drawnSetNames } from '../../src/data/index.ts';
import { runExperiment } from '../../src/experiment/index.ts';
import { writeWhole } from '../../src/files/index.ts';
import { RunDirectory } from '../../src/run/index.ts';

const args = await yargs(hideBin(process.argv))
  .options({
    seeds: { type: 'number', default: 20 },
    jobs: { type: 'number', default: 2 },
    out: { type: 'string' },
    train: { type: 'number', default: 1200 },
    val: { type: 'number', default: 300 },
    epochs: { type: 'number', default: 8 },
    'per-cell': { type: 'number', default: 100 },
    size: { type: 'number', default: 64 },
    set: { choices: drawnSetNames.filter((name) => name !== 'moving-shapes'), default: drawnSetNames[0] },
    shortcut: { type: 'boolean', default: false },
    seed: { type: 'number', describe: 'Only this one, in this process' },
  })
  .strict()
  .parse();

/** What the audit found of one class of one network. */
interface Finding {
  readonly seed: number;
  readonly class: string;
  readonly finding: string;
  readonly mAP: number;
  readonly apart: number | null;
  readonly together: number | null;
  readonly lean: readonly [value: number, low: number, high: number] | null;
}

async function findingsOf(seed: number): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'false-alarms-'));
  try {
    const { train, val, size, epochs } = args;
    const config = parseConfig(
      `name: control
seed: ${seed}
engine: { name: onnx, threads: 1 }
data:
  source: ${args.set}
  dir: ${join(folder, 'data')}
  options: ${JSON.stringify({ seed, size, train, trainFullsup: 10, val, test: 1, unbiased: 1, shortcut: args.shortcut })}
  imageSize: [${size}, ${size}]
  batchSize: 16
model: { backbone: small-cnn, options: { widths: [16, 32, 64, 64] } }
gain: { losses: { mining: { weight: 0 }, supervision: { weight: 0 } } }
training:
  epochs: ${epochs}
  optimizer: { name: adamw, learningRate: 0.003, weightDecay: 0.01 }
  evaluateEvery: ${epochs}
  schedule: { name: cosine, warmupEpochs: 0.5 }
log: { images: 0, histogramsEvery: 0 }
`,
      'control.yaml',
    );
    const run = join(folder, 'run');
    const directory = await RunDirectory.open(run, 'new');
    const { best } = await runExperiment(config, directory, { resume: false, log: () => {} });
    directory.release();
    const { audit } = await auditNetwork({
      source: { run },
      masks: 'true',
      perCell: args.perCell,
      limit: val,
      seed,
      replicates: 1000,
      threads: 1,
    });
    return audit.classes.map(({ class: name, verdict, composites }) => ({
      seed,
      class: name,
      finding: verdict.finding,
      mAP: best?.value ?? Number.NaN,
      apart: composites?.apart.value ?? null,
      together: composites?.together.value ?? null,
      lean: composites && [composites.lean.value, composites.lean.low, composites.lean.high],
    }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The same in a process of its own. */
function inProcess(seed: number): Promise<Finding[]> {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(
    process.execPath,
    ['--import=./.ci/typescript.mjs', self, ...hideBin(process.argv), '--seed', String(seed)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [said, errors] = ['', ''];
  child.stdout.on('data', (text) => {
    said += text;
  });
  child.stderr.on('data', (text) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(said));
      else reject(new Error(`seed ${seed} ended with ${code}:\n${errors}`));
    });
  });
}

/** The bounds of a share k of n: where the binomial has 2.5 % at k and beyond. Found by halving. */
function clopperPearson(k: number, n: number): [low: number, high: number] {
  const tail = (p: number, from: number, to: number) => {
    let sum = 0;
    for (let i = from; i <= to; i++) {
      let term = 1;
      for (let j = 0; j < i; j++) term *= ((n - j) / (j + 1)) * p;
      sum += term * (1 - p) ** (n - i);
    }
    return sum;
  };
  const solve = (above: (p: number) => boolean) => {
    let [low, high] = [0, 1];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      if (above(middle)) high = middle;
      else low = middle;
    }
    return low;
  };
  return [
    k === 0 ? 0 : solve((p) => tail(p, k, n) > 0.025),
    k === n ? 1 : solve((p) => tail(p, 0, k) < 0.025),
  ];
}

const percent = (share: number | null) => (share === null ? '–' : (100 * share).toFixed(1));

if (args.seed !== undefined) {
  process.stdout.write(JSON.stringify(await findingsOf(args.seed)));
} else {
  const waiting = Array.from({ length: args.seeds }, (_, i) => i + 1);
  const all: Finding[] = [];
  const worker = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const findings = await inProcess(seed);
      all.push(...findings);
      for (const { class: name, finding, mAP, apart, together, lean } of findings) {
        const interval = lean ? `${percent(lean[0])} [${percent(lean[1])}, ${percent(lean[2])}]` : '–';
        process.stdout.write(
          `seed ${seed}, mAP ${percent(mAP)}, ${name}: ${finding}; apart ${percent(apart)}, together ${percent(together)}, lean ${interval}\n`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: args.jobs }, worker));
  all.sort((a, b) => a.seed - b.seed);
  const share = (some: readonly Finding[]) => {
    const alarms = some.filter(({ finding }) => finding.endsWith('the ground')).length;
    const [low, high] = clopperPearson(alarms, some.length);
    return `${alarms} of ${some.length} (${percent(alarms / some.length)} % [${percent(low)}, ${percent(high)}])`;
  };
  const first = all[0]?.class;
  process.stdout.write(
    `\nalarms over ${args.seeds} networks ${args.shortcut ? 'with' : 'without'} a shortcut: ` +
      `${first} ${share(all.filter((one) => one.class === first))}; all classes ${share(all)}\n`,
  );
  if (args.out) await writeWhole(args.out, `${JSON.stringify({ args, findings: all }, null, 2)}\n`);
}
