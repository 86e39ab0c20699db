import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { DatasetWriter } from '../../src/data/index.ts';
import type {
  EvaluationResult,
  ImageRecord,
  LocalizationScores,
  Measured,
} from '../../src/evaluation/index.ts';

/** Names that would break a page which does not escape them. */
export const classes = ['<script>alert("boat")</script>', `"car" & 'co'`];

const measured = (value: number, low: number | null = null, high: number | null = null): Measured => ({
  value,
  low,
  high,
  count: 4,
});

const scores = (boxAcc: Measured, threshold: number | null): LocalizationScores => ({
  threshold,
  box: null,
  boxAcc,
  boxAccV2: measured(0.5),
  boxAccV2PerIou: [measured(0.75), measured(0.5), measured(0.25)],
  meanIou: measured(0.4),
  top1Localization: null,
  top5Localization: null,
  corLocPerClass: [1, null],
  corLoc: measured(1),
  pointing: null,
  pointingTolerant: null,
  energy: null,
  loc: [{ delta: 0.25, score: measured(0.3125) }],
  pxAp: null,
  cueMeanIou: null,
  cueIouPerClass: null,
  deadShare: 0,
  bestThresholdOnThisSplit: null,
  curves: {
    threshold: {
      thresholds: [0, 0.5, 1],
      boxAcc: [0, 0.6543, 0],
      boxAccV2: [
        [0, 0.9, 0],
        [0, 0.6, 0],
        [0, 0.3, 0],
      ],
    },
    precisionRecall: null,
  },
});

/** The evaluation of four images of 8x8 pixels, the first two of which are hits. */
export function evaluation(dataDir: string): EvaluationResult {
  return {
    format: 'tfjs-gain-evaluation',
    version: 1,
    finished: '2026-05-04T03:02:01.000Z',
    split: 'test',
    dataset: {
      name: 'grey',
      dir: dataDir,
      classes,
      multiLabel: false,
      images: 4,
      pairs: 4,
      pairsWithTruth: 4,
      boxes: 4,
      masks: 0,
    },
    model: {
      run: null,
      path: 'model',
      name: 'net',
      parameters: 1234,
      targetLayer: 'conv',
      targetLayerReason: 'as asked',
      mapSize: [2, 2],
    },
    settings: {
      methods: ['cam', 'grad-cam++'],
      measures: ['localization'],
      imageSize: [8, 8],
      link: 'softmax',
      iouLevels: [0.3, 0.5, 0.7],
      tolerance: 15,
      bootstrap: { replicates: 100, confidence: 0.95, seed: 1 },
      limit: null,
    },
    config: null,
    environment: { package: '1.2.3', engine: { name: 'onnx', version: 'ONNX Runtime 9.8' } },
    classification: {
      loss: 0.125,
      mAP: null,
      accuracy: measured(0.75, 0.625, 0.875),
      exactMatch: measured(0.75),
      top1: null,
      top5: null,
      perClass: { accuracy: [0.5, 1], averagePrecision: [null, 0.25] },
    },
    localization: {
      thresholdFrom: { split: 'train-fullsup', images: 7 },
      methods: {
        cam: scores(measured(0.6543, 0.5432, 0.7654), 0.5),
        'grad-cam++': scores(measured(0.5, 0.4, 0.6), 0.5),
      },
      baselines: {
        centre: scores(measured(0.25, 0.2, 0.3), 0.4),
        'constant-map': null,
        'constant-box': null,
      },
    },
    faithfulness: null,
    sanity: null,
    imageRecords: 'test.images.ndjson',
    timing: { seconds: 2, imagesPerSecond: 2, parts: { data: 1, maps: 0.5, measures: 0.5 } },
  };
}

/** The record of image i: IoU .9, .7, .3 and .1. */
export function imageRecord(i: number): ImageRecord {
  const iou = [0.9, 0.7, 0.3, 0.1][i]!;
  const measures = {
    box: [1, 2, 3, 6] as const,
    iou,
    hit: iou >= 0.5,
    dead: false,
    map: { height: 2, width: 2, data: Buffer.from([0, 255, 0, 0]).toString('base64') },
  };
  return {
    id: `test-00000-of-00001.tfrecord#${i}`,
    index: i,
    labels: [i % 2],
    scores: i % 2 === 0 ? [0.8, 0.2] : [0.3, 0.7],
    pairs: [
      {
        class: i % 2,
        rank: 1,
        trueBoxes: [[0, 0, 3, 7]],
        methods: { cam: measures, 'grad-cam++': measures },
      },
    ],
  };
}

export async function writeEvaluation(run: string, dataDir: string): Promise<void> {
  const dir = join(run, 'evaluation');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'test.json'), JSON.stringify(evaluation(dataDir)));
  const lines = [0, 1, 2, 3].map((i) => `${JSON.stringify(imageRecord(i))}\n`);
  await writeFile(join(dir, 'test.images.ndjson'), lines.join(''));
}

/** What a training of 30 steps leaves; it was interrupted after step 20 and went on from step 10. */
export async function writeTraining(run: string): Promise<void> {
  await mkdir(run, { recursive: true });
  await writeFile(join(run, 'config.yaml'), 'name: "<b>&amp;"\nseed: 17\n');
  await writeFile(join(run, 'environment.json'), '{"package":"1.2.3","engine":{"name":"onnx"},"seed":17}');
  const step = (at: number, total: number) => ({
    event: 'step',
    step: at,
    losses: { total, classification: total / 2 },
    learningRate: 0.1,
  });
  const events = [
    { event: 'start', engine: 'onnx' },
    step(10, 4),
    step(20, 99),
    { event: 'stop', error: 'InterruptedError', message: '' },
    { event: 'resume', engine: 'onnx', step: 10 },
    step(20, 2),
    step(30, 1),
  ];
  await writeFile(join(run, 'log.ndjson'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  const metrics = { images: 8, mAP: null, exactMatch: 0.5, energyInMask: null, pointing: null, deadShare: 0 };
  for (const [epoch, accuracy] of [0.25, 0.4375].entries()) {
    const line = { step: 15 * (epoch + 1), epoch: epoch + 1, split: 'val', loss: 0.75, accuracy, ...metrics };
    await appendFile(join(run, 'metrics.ndjson'), `${JSON.stringify(line)}\n`);
  }
}

/** The four images that the records are about. */
export async function writeDataset(dir: string): Promise<void> {
  const writer = await DatasetWriter.create(dir, { name: 'grey', classes, multiLabel: false }, ['test']);
  for (let i = 0; i < 4; i++) {
    const pixels = new Uint8Array(192).fill(50 * i);
    await writer.write('test', {
      encoded: await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
        .png()
        .toBuffer(),
      format: 'png',
      filename: `${i}.png`,
      labels: [i % 2],
      objects: [],
    });
  }
  await writer.finish();
}
