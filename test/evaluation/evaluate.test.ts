import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { configSchema, stringifyConfig } from '../../src/config/index.ts';
import { generateBiasedBoats } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import {
  type EvaluateRequest,
  type EvaluationOptions,
  type EvaluationResult,
  evaluate,
  eventScalars,
  type MeasureName,
  ResultWriter,
  readEvaluation,
  readImageRecords,
} from '../../src/evaluation/index.ts';
import { boxIou, type PixelBox } from '../../src/metrics/index.ts';
import { buildModel, saveLayersModel } from '../../src/models/index.ts';
import { callProgramIn } from '../programs/call-program.ts';

const patience = 240_000;
let folder: string;

/** A run as training leaves it, with an untrained network: what is measured is small, but all of it is there. */
test.before(async (t) => {
  t.timeout(patience);
  folder = await mkdtemp(join(tmpdir(), 'gain-evaluate-'));
  const options = { train: 4, trainFullsup: 6, val: 2, test: 9, unbiased: 2, size: 32 };
  await generateBiasedBoats(join(folder, 'data'), options);
  await startEngine({ engine: 'cpu' });
  const model = buildModel('small-cnn', { inputShape: [32, 32, 3], classes: 6, seed: 3, widths: [4, 8] });
  await saveLayersModel(model, join(folder, 'run', 'model'));
  const config = configSchema.parse({
    name: 'tiny',
    engine: { name: 'onnx' },
    data: {
      dir: 'data',
      imageSize: [32, 32],
      splits: { train: ['train'], validation: 'val', test: ['test'] },
    },
    model: { options: { widths: [4, 8] } },
  });
  await writeFile(join(folder, 'run', 'config.yaml'), stringifyConfig(config));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const options = {
  measures: ['localization'] as MeasureName[],
  tolerance: 15,
  replicates: 200,
  seed: 1,
  faithfulnessLimit: 2,
  sanityLimit: 3,
  batchSize: 4,
};

/** The run, in this process. */
function evaluateRun(changed: Partial<EvaluationOptions> = {}, request: Partial<EvaluateRequest> = {}) {
  return evaluate({
    source: { run: join(folder, 'run') },
    data: join(folder, 'data'),
    options: { ...options, ...changed },
    engine: 'cpu',
    log: () => {},
    ...request,
  });
}

test.serial('everything of a run is measured, written, and the same a second time', async (t) => {
  t.timeout(patience);
  const methods = ['cam', 'grad-cam', 'layer-cam'];
  const wanted = { methods, measures: ['localization', 'faithfulness', 'sanity'] as MeasureName[] };
  const [first] = await evaluateRun(wanted, {
    writerFor: (split) => new ResultWriter(join(folder, 'run/evaluation'), split),
    maps: { dir: join(folder, 'maps'), format: 'png' },
  });
  const printed: EvaluationResult = first!.result;
  const result = await readEvaluation(join(folder, 'run/evaluation/test.json'));
  t.is(result.dataset.images, 9);
  t.deepEqual(Object.keys(result.localization!.methods), methods);
  t.deepEqual(result.localization!.thresholdFrom, { split: 'train-fullsup', images: 6 });

  // CAM and Grad-CAM are the same map for this head, up to its scale.
  const { cam, 'grad-cam': gradCam } = printed.localization!.methods;
  t.deepEqual(cam!.boxAcc, gradCam!.boxAcc);
  const { 'grad-cam': kept, 'layer-cam': rival } = printed.faithfulness!.methods;
  t.true(kept!.averageDrop.value >= 0 && rival!.insertion.value > 0);
  t.deepEqual(printed.sanity!.layers[0], 'logits', 'destroyed from the output on');

  const records = [];
  for await (const record of readImageRecords(join(folder, 'run/evaluation/test.json'))) records.push(record);
  t.is(records.length, 9);
  const pairs = records.flatMap((record) => record.pairs);
  t.is(pairs.length, result.dataset.pairs);
  for (const { trueBoxes, methods } of pairs) {
    const { box, iou, hit } = methods['grad-cam']!;
    const best = Math.max(...trueBoxes.map((truth: PixelBox) => boxIou(box!, truth)));
    t.true(Math.abs(best - iou!) < 1e-4);
    t.is(hit, best >= 0.5);
  }
  const hits = pairs.filter(({ methods }) => methods['layer-cam']!.hit).length;
  t.true(Math.abs(hits / pairs.length - result.localization!.methods['layer-cam']!.boxAcc!.value) < 1e-5);
  t.is(eventScalars(printed)['localization-test/layer-cam/boxAcc'], hits / pairs.length);

  const coco = JSON.parse(await readFile(join(folder, 'maps/test.images.json'), 'utf8'));
  const boxes = JSON.parse(await readFile(join(folder, 'maps/test.layer-cam.boxes.json'), 'utf8'));
  t.is(coco.images.length, 9);
  t.is(boxes.length, pairs.length);
  const [x0, y0, x1, y1] = pairs[0]!.methods['layer-cam']!.box!;
  t.deepEqual(boxes[0].bbox, [x0, y0, x1 - x0 + 1, y1 - y0 + 1]);
  const maps = await readdir(join(folder, 'maps/layer-cam'));
  t.is(maps.length, pairs.length);
  const { depth, width, height } = await sharp(join(folder, 'maps/layer-cam', maps[0]!)).metadata();
  t.deepEqual([depth, width, height], ['ushort', 32, 32]);

  const [again] = await evaluateRun(wanted);
  for (const key of ['classification', 'localization', 'faithfulness', 'sanity', 'dataset'] as const) {
    t.deepEqual(again!.result[key], printed[key], key);
  }
});

test.serial('the program: a run, its table, its files and its curves', async (t) => {
  t.timeout(patience);
  const args = ['--run', 'run', '--threshold', '0.4', '--limit', '5', '--bootstrap', '0', '--engine', 'cpu'];
  const { code, stdout, stderr } = await callProgramIn(folder, 'evaluate', ...args);
  t.is(code, 0, stderr);
  t.regex(stdout, /test of biased-boats: 5 images/);
  t.regex(stdout, /grad-cam +0\.40 /);
  t.deepEqual((await readdir(join(folder, 'run/evaluation'))).sort(), ['test.images.ndjson', 'test.json']);
  t.true((await readdir(join(folder, 'run'))).some((file) => file.startsWith('events.out.tfevents')));
  const wrong = await callProgramIn(folder, 'evaluate', '--run', 'run', '--measures', 'speed');
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /UsageError: --measures: expected some of localization, .*found "speed"/);
});

test.serial('without train-fullsup the split that supervised gives the threshold', async (t) => {
  t.timeout(patience);
  const data = join(folder, 'other-name');
  await cp(join(folder, 'data'), data, { recursive: true });
  const info = JSON.parse(await readFile(join(data, 'dataset.json'), 'utf8'));
  const { 'train-fullsup': supervising, ...splits } = info.splits;
  const renamed = { ...info, splits: { ...splits, supervising } };
  await writeFile(join(data, 'dataset.json'), JSON.stringify(renamed));
  const run = join(folder, 'supervised');
  await cp(join(folder, 'run'), run, { recursive: true });
  const config = await readFile(join(run, 'config.yaml'), 'utf8');
  await writeFile(join(run, 'config.yaml'), config.replace('split: train-fullsup', 'split: supervising'));
  const writerFor = (split: string) => new ResultWriter(join(folder, 'supervised-results'), split);
  const [evaluated] = await evaluateRun({}, { writerFor, source: { run }, data });
  const { thresholdFrom } = evaluated!.result.localization!;
  t.is(typeof thresholdFrom === 'object' && thresholdFrom.split, 'supervising');
});

test.serial('what is wrong is said before anything is computed or written', async (t) => {
  t.timeout(patience);
  await cp(join(folder, 'data'), join(folder, 'no-fullsup'), { recursive: true });
  const info = JSON.parse(await readFile(join(folder, 'data/dataset.json'), 'utf8'));
  const { 'train-fullsup': _, ...splits } = info.splits;
  await writeFile(join(folder, 'no-fullsup/dataset.json'), JSON.stringify({ ...info, splits }));
  const run = join(folder, 'run');
  const refused: [Parameters<typeof evaluateRun>, string, RegExp][] = [
    [[{}, { source: { run: join(folder, 'nowhere') } }], 'RunError', /nowhere: it holds no run/],
    [[{}, { source: { run, checkpoint: 'best' } }], 'RunError', /run: it has no best checkpoint/],
    [[{}, { data: join(folder, 'missing') }], 'DataError', /missing.dataset\.json: no such file/],
    [[{}, { splits: ['tests'] }], 'UsageError', /--split: .*data has no split tests; did you mean test\?/],
    [[{ methods: ['grad-cma'] }], 'UsageError', /no method "grad-cma"; did you mean "grad-cam"\?/],
    [[{ targetLayer: 'conv2_2' }], 'ModelError', /no layer "conv2_2"\. Did you mean "conv2_1"/],
    [[{ threshold: { value: 1.5 } }], 'UsageError', /--threshold: expected a share .* found 1\.5/],
    [[{ threshold: { split: 'fullsup' } }], 'UsageError', /--threshold-from: .*no split fullsup/],
    [
      [{}, { data: join(folder, 'no-fullsup') }],
      'UsageError',
      /no split train-fullsup to choose the threshold on.*--threshold-from/,
    ],
  ];
  const none = join(folder, 'none');
  for (const [[changed, request], name, message] of refused) {
    const writerFor = (split: string) => new ResultWriter(none, split);
    await t.throwsAsync(evaluateRun(changed, { writerFor, ...request }), { name, message });
  }
  t.false(existsSync(none));
});

test.serial('methods of many passes are named before they begin, and take fewer copies', async (t) => {
  t.timeout(patience);
  const lines: string[] = [];
  const methods = ['grad-cam', 'rise'];
  const few = { methods, limit: 2, threshold: { value: 0.3 } };
  const log = (line: string) => lines.push(line);
  const [two] = await evaluateRun({ ...few, samples: 2 }, { log });
  t.deepEqual(
    lines.filter((line) => line.startsWith('slow')),
    ['slow     rise: tens of passes per image or more; --limit and --samples make it fewer'],
  );
  t.deepEqual(two!.result.model.mapSizes, { 'grad-cam': [16, 16], rise: [32, 32] });
  const energy = ({ result }: { result: EvaluationResult }) => result.localization!.methods.rise!.energy;
  const [again, more] = [
    await evaluateRun({ ...few, samples: 2 }),
    await evaluateRun({ ...few, samples: 8 }),
  ];
  t.deepEqual(energy(again[0]!), energy(two!));
  t.notDeepEqual(energy(more[0]!), energy(two!));
});
