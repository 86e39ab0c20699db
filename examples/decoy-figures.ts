/**
 * What: the figures of docs/results.md, "Decoys": accuracy beside the share of the map that lies on the patch, by setting;
 *   and what the networks look at in a few images of the test.
 * Run: npx tsx examples/decoy-figures.ts SWEEP [--data FOLDER] [--name NAME] [--out docs/images]
 *   SWEEP is the folder of a finished sweep (configs/sweeps/decoy-fashion-mnist.yaml), FOLDER the data set.
 * Expect: NAME-wr.svg and NAME-maps.jpg.
 *
 * In a project of your own, import from 'tfjs-gain' and its entries ('tfjs-gain/pictures').
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { openDataset } from '../src/data.ts';
import { drawAttribution, drawImage, explainImages, openTrainedNetwork } from '../src/explain.ts';
import { startEngine } from '../src/index.ts';
import { imageGrid, type Tile } from '../src/pictures.ts';
import { pointChart } from './figures/point-chart.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string', default: 'data/decoy-fashion' },
    name: { type: 'string', default: 'decoy-fashion' },
    out: { type: 'string', default: 'docs/images' },
  },
});
const [sweep] = positionals;
if (!sweep) throw new Error('usage: npx tsx examples/decoy-figures.ts SWEEP [--data FOLDER] [--out FOLDER]');

interface Score {
  mean: number;
  std: number;
}
interface Row {
  name: string;
  runs: { directory: string }[];
  scores: Record<string, Score>;
}

const IMAGES = 6;
const WR = 'evaluation.test.wrongReasons.methods.grad-cam.wr';

const table = JSON.parse(await readFile(join(sweep, 'table.json'), 'utf8'));
const rows: Row[] = table.parts[0].rows;

const chart = await pointChart({
  x: 'pixels of the patch that the Grad-CAM map lights up (WR), %',
  y: 'right answers of the test, %',
  domainY: [70, 90],
  series: rows.map(({ name, scores }) => {
    const [accuracy, wr] = [scores['test.accuracy']!, scores[WR]!];
    const point = {
      x: 100 * wr.mean,
      spreadX: 100 * wr.std,
      y: 100 * accuracy.mean,
      spread: 100 * accuracy.std,
    };
    return { name, points: [point], line: false };
  }),
});
await writeFile(join(values.out, `${values.name}-wr.svg`), `${chart}\n`);

await startEngine();
const data = await openDataset(values.data);
const batch = await first(data.batches('test', { batchSize: IMAGES, imageSize: [28, 28] }));
await data.close();
const size = batch.images.length / batch.size;
const images = Array.from({ length: batch.size }, (_, i) => ({
  name: `${i}`,
  file: batch.ids[i]!,
  pixels: batch.images.slice(i * size, (i + 1) * size),
}));
const grid: Tile[][] = images.map(() => []);
for (const { runs } of rows) {
  const subject = await openTrainedNetwork({ run: runs[0]!.directory });
  let row = 0;
  for await (const { image, classes } of explainImages(subject, images, { methods: ['grad-cam'], top: 1 })) {
    const { index, attributions } = classes[0]!;
    const photo = drawImage(image, subject.imageSize);
    const tiles = grid[row]!;
    if (tiles.length === 0) tiles.push({ image: photo });
    const isRight = batch.labels[row * data.classes.length + index] === 1;
    const caption = data.classes[index]!;
    const picture = drawAttribution(attributions[0]!, photo);
    tiles.push({ image: picture, caption, ...(!isRight && { warning: 'caption' }) });
    row++;
  }
  subject.model.dispose();
}
const header = ['image', ...rows.map(({ name }) => name.replace('weights constant', 'const.'))];
const png = await imageGrid(grid, { header, tileSize: 112 });
const jpeg = await sharp(png).jpeg({ quality: 85, mozjpeg: true }).toBuffer();
await writeFile(join(values.out, `${values.name}-maps.jpg`), jpeg);

async function first<T>(all: AsyncIterable<T>): Promise<T> {
  for await (const one of all) return one;
  throw new Error('the split is empty');
}
