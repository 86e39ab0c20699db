/**
 * What: the curves of docs/results.md, "Biased boats": right answers where boats and water come apart, by the number of
 *   masks, for GAIN_ext and for Energy, beside those of the paper.
 * Run: npx tsx examples/boats-curve.ts --runs runs --energy runs/sweeps/boats-energy [--out docs/images/boats-masks.svg]
 *   `--runs` holds the runs that docs/results.md tells how to make (`plain-1`, `ext9-1`, …), `--energy` is the folder of the
 *   sweep configs/sweeps/boats-energy.yaml.
 * Expect: an SVG, and the numbers in it.
 *
 * In a project of your own, import from 'tfjs-gain' and its entries ('tfjs-gain/pictures').
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChartPoint, meanAndSpread, pointChart } from './figures/point-chart.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: 'runs' },
    energy: { type: 'string', default: 'runs/sweeps/boats-energy' },
    out: { type: 'string', default: 'docs/images/boats-masks.svg' },
  },
});
const masks = [9, 23, 78];
const seeds = [1, 2, 3];

/** Per cent of right answers, the mean of the two splits that are not biased. */
async function unbiased(run: string): Promise<number> {
  const { metrics } = JSON.parse(await readFile(join(run, 'summary.json'), 'utf8'));
  const right = ['boat-without-water', 'water-without-boat'].map(
    (split) => metrics[split].focus.accuracy as number,
  );
  return 50 * (right[0]! + right[1]!);
}

async function point(count: number, runOf: (seed: number) => string): Promise<ChartPoint> {
  const { mean, spread } = meanAndSpread(await Promise.all(seeds.map((seed) => unbiased(runOf(seed)))));
  console.log(`${runOf(seeds[0]!)} …: ${mean.toFixed(1)} ± ${spread.toFixed(1)}`);
  return { x: count, y: mean, spread };
}

const plain = await point(0, (seed) => join(values.runs, `plain-${seed}`));
const curve = async (runOf: (count: number, seed: number) => string): Promise<ChartPoint[]> => [
  plain,
  ...(await Promise.all(masks.map((count) => point(count, (seed) => runOf(count, seed))))),
];
const svg = await pointChart({
  x: 'images with masks',
  y: 'right answers on the unbiased splits, %',
  series: [
    { name: 'GAIN_ext', points: await curve((count, seed) => join(values.runs, `ext${count}-${seed}`)) },
    {
      name: 'Energy',
      points: await curve((count, seed) =>
        join(values.energy, 'runs', `Energy-${count}-masks`, `seed-${seed}`),
      ),
    },
    {
      // Li et al. 2018, arXiv 1802.10171, section 4.2: photographs, VGG; 0 masks is the plain classifier.
      name: 'GAIN_ext in the paper',
      points: [36, 66, 75, 84].map((y, i) => ({ x: [0, ...masks][i]!, y })),
    },
  ],
});
await writeFile(values.out, `${svg}\n`);
console.log(values.out);
