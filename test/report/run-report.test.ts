import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { DataError, RunError, UsageError } from '../../src/errors/index.ts';
import type { ReportOptions } from '../../src/report/index.ts';
import { writeReport } from '../../src/report/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';
import { classes, evaluation, writeDataset, writeEvaluation, writeTraining } from './stored-run.ts';

async function wholeRun(t: ExecutionContext): Promise<{ run: string; data: string }> {
  const folder = temporaryFolder(t);
  const [run, data] = [join(folder, 'run'), join(folder, 'data')];
  await writeTraining(run);
  await writeDataset(data);
  await writeEvaluation(run, data);
  return { run, data };
}

async function pageOf(run: string, options?: ReportOptions): Promise<string> {
  const { path } = await writeReport(run, options);
  return readFile(path, 'utf8');
}

/** Numbers of the row of a measure in the first table that has it, cell by cell: value and what is shown. */
function row(page: string, measure: string): string[] {
  const start = page.indexOf(`<tr><th scope="row">${measure}`);
  const cells = page.slice(start, page.indexOf('</tr>', start)).split('<td').slice(1);
  return cells.map((cell) => {
    const value = /<data value="([^"]*)">([^<]*)</.exec(cell);
    const interval = /<small>([^<]*)</.exec(cell);
    return value ? [value[1], value[2], interval?.[1]].filter(Boolean).join(' | ') : '–';
  });
}

test('tables hold the numbers of the result file, with intervals and baselines', async (t) => {
  const { run } = await wholeRun(t);
  const page = await pageOf(run);
  t.deepEqual(row(page, 'BoxAcc'), [
    '0.6543 | 65.4 | 54.3 – 76.5',
    '0.5 | 50.0 | 40.0 – 60.0',
    '0.25 | 25.0 | 20.0 – 30.0',
    '–',
    '–',
  ]);
  t.deepEqual(row(page, 'Loc(δ = 0.25)').slice(0, 3), ['0.3125 | 31.3', '0.3125 | 31.3', '0.3125 | 31.3']);
  t.deepEqual(row(page, 'accuracy'), ['0.75 | 75.0 | 62.5 – 87.5']);
  t.deepEqual(row(page, 'loss'), ['0.125 | 0.125']);
  t.deepEqual(row(page, 'IoU ≥ 70 %').slice(0, 3), ['0.25 | 25.0', '0.25 | 25.0', '0.25 | 25.0']);
  t.is(page.match(/<td class="best">/g)?.length, 1, 'only BoxAcc tells the methods apart');
  t.false(page.includes('PxAP</th>'), 'what was not measured has no row');
  t.regex(page, /7 images of <b>train-fullsup<\/b>/);
});

test('a teacher stands beside its student: answers, cost, likeness of maps', async (t) => {
  const { run, data } = await wholeRun(t);
  const alone = evaluation(data);
  const { classification } = alone;
  const measured = (value: number) => ({ value, low: null, high: null, count: 4 });
  const teacher = {
    path: 'runs/<large>',
    name: 'large',
    parameters: 5678,
    multiplyAdds: 90123,
    targetLayer: 'conv5',
    targetLayerReason: 'as asked',
    mapSize: [1, 1],
    classification: {
      ...classification,
      accuracy: measured(0.9375),
      calibration: { expectedError: 0.0625, bins: [] },
    },
    agreement: measured(0.875),
    maps: { cam: { cosine: measured(0.5), rankCorrelation: null } },
    throughput: { batchSize: 4, rounds: 9, student: 200.5, teacher: 100.5 },
  };
  await writeFile(join(run, 'evaluation/test.json'), JSON.stringify({ ...alone, teacher }));
  const page = await pageOf(run);
  const section = page.slice(page.indexOf('Student and teacher'));
  t.regex(section, /large of runs\/&#60;large&#62;\. On <data value="0\.875">87\.5<\/data> %/);
  t.deepEqual(row(section, 'accuracy'), ['0.75 | 75.0 | 62.5 – 87.5', '0.9375 | 93.8']);
  t.deepEqual(row(section, 'calibration error'), ['–', '0.0625 | 6.3']);
  t.deepEqual(row(section, 'parameters'), ['1234 | 1234', '5678 | 5678']);
  t.deepEqual(row(section, 'multiply-adds'), ['–', '90123 | 90123']);
  t.deepEqual(row(section, 'images per second'), ['200.5 | 201', '100.5 | 101']);
  t.deepEqual(row(section, 'cosine'), ['0.5 | 50.0']);
  t.false(section.includes('rank correlation</th>'), 'what no map allowed has no row');

  const broken = { ...alone, teacher: { ...teacher, agreement: 0.5 } };
  await writeFile(join(run, 'evaluation/test.json'), JSON.stringify(broken));
  await t.throwsAsync(pageOf(run), { instanceOf: DataError, message: /test\.json: teacher\.agreement: / });
});

test('the audit has its section: verdicts, numbers, features, pictures; a broken one is named', async (t) => {
  const { run } = await wholeRun(t);
  t.false((await pageOf(run)).includes('id="audit"'));
  const folder = join(run, 'audit');
  await mkdir(folder);
  const share = (value: number) => ({ value, low: value - 0.0625, high: value + 0.0625 });
  const audit = {
    split: 'val',
    images: 1234,
    masks: 'boxes',
    perCell: 100,
    pictures: { boat: 'boat.png' },
    classes: [
      {
        class: 'boat',
        verdict: { finding: 'follows the ground', sentence: '`boat` follows the <ground>: right in 9 %.' },
        evidence: { offShare: 0.75 },
        real: { yesWithoutObject: 0.875, yesWithObjectAlone: 0.125 },
        composites: {
          apart: share(0.25),
          together: share(0.9375),
          lean: share(0.6875),
          worst: 0.0625,
          auc: null,
        },
        features: [{ feature: 'texture', auc: 0.875, yesWhere: 'low' }],
        telling: [],
      },
    ],
  };
  await writeFile(join(folder, 'audit.json'), JSON.stringify(audit));
  await sharp({ create: { width: 8, height: 8, channels: 3, background: '#123' } })
    .png()
    .toFile(join(folder, 'boat.png'));
  const page = await pageOf(run);
  const section = page.slice(
    page.indexOf('<h2 id="audit">'),
    page.indexOf('</figure>', page.indexOf('<h2 id="audit">')),
  );
  t.regex(section, /1,234 images of val, objects known by boxes, 100 composites of each kind/);
  t.true(
    section.includes('<li>boat follows the &#60;ground&#62;: right in 9 %.</li>'),
    section.slice(0, 900),
  );
  t.deepEqual(row(section, 'boat'), [
    '0.25 | 25.0 | 18.8 – 31.3',
    '0.9375 | 93.8 | 87.5 – 100.0',
    '0.0625 | 6.3',
    '–',
    '0.875 | 87.5',
    '0.125 | 12.5',
    '0.75 | 75.0',
  ]);
  t.regex(section, /texture <data value="0\.875">87\.5<\/data><small> yes where it is low/);
  t.regex(section, /<img src="data:image\/webp/);
  await writeFile(join(folder, 'audit.json'), JSON.stringify({ ...audit, images: 'many' }));
  await t.throwsAsync(pageOf(run), { instanceOf: DataError, message: /audit\.json: images: / });
});

test('wrong reasons: WR, threshold and dead share of each attribution, the lowest bold', async (t) => {
  const { run, data } = await wholeRun(t);
  const file = join(run, 'evaluation/test.json');
  const sectionWith = async (methods: object) => {
    const wrongReasons = { images: 1234, methods };
    await writeFile(file, JSON.stringify({ ...evaluation(data), wrongReasons }));
    const page = await pageOf(run);
    return page.slice(page.indexOf('<h3 id="split-1-test-wrong-reasons">'), page.indexOf('Gallery</h3>'));
  };
  t.false((await pageOf(run)).includes('Wrong reasons'), 'not asked for');

  const section = await sectionWith({
    'grad-cam': { wr: { value: 0.125, low: 0.0625, high: 0.1875, count: 4 }, threshold: 0.25, deadShare: 0 },
    'input-gradient': {
      wr: { value: 0.375, low: null, high: null, count: 3 },
      threshold: 0.0625,
      deadShare: 0.25,
    },
  });
  t.regex(section, /masks or boxes of test are taken for what must not matter, .*; 1,234 images have some/);
  t.regex(section, /Wrong reasons in percent, with 95 % bootstrap intervals over images; bold: the best/);
  t.regex(
    section,
    /<thead><tr><th scope="col">measure<\/th><th scope="col">grad-cam<\/th><th scope="col">input-/,
  );
  t.deepEqual(row(section, 'WR'), ['0.125 | 12.5 | 6.3 – 18.8', '0.375 | 37.5']);
  t.deepEqual(row(section, 'threshold'), ['0.25 | 0.250', '0.0625 | 0.0625']);
  t.deepEqual(row(section, 'dead attributions'), ['0 | 0.0', '0.25 | 25.0']);
  const best = [...section.matchAll(/<td class="best"><data value="([^"]*)"/g)].map(([, value]) => value);
  t.deepEqual(best, ['0.125', '0']);

  const dead = await sectionWith({ 'grad-cam': { wr: null, threshold: null, deadShare: 1 } });
  t.deepEqual(row(dead, 'dead attributions'), ['1 | 100.0']);
  t.false(dead.includes('<th scope="row">WR'), 'what no attribution allowed has no row');

  await t.throwsAsync(sectionWith({ 'grad-cam': { wr: 0.125 } }), {
    instanceOf: DataError,
    message: /test\.json: wrongReasons\.methods\.grad-cam\.wr: /,
  });
});

test('the page loads nothing and links only within itself', async (t) => {
  const { run } = await wholeRun(t);
  const page = await pageOf(run);
  const targets = [...page.matchAll(/\s(?:href|src|srcset|action|data)="([^"]*)"/g)].map(
    ([, target]) => target!,
  );
  t.true(targets.length > 10);
  const outside = targets.filter((target) => !/^(#[\w-]+|data:image\/webp;base64,[\w+/=]+)$/.test(target));
  t.deepEqual(outside, []);
  t.notRegex(page, /<link|@import|url\(|<iframe|<object|<embed/i);
  const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id!);
  t.is(new Set(ids).size, ids.length, 'every id is there once');
  for (const target of targets.filter((link) => link.startsWith('#'))) {
    t.true(ids.includes(target.slice(1)), target);
  }
});

test('names from data and config cannot break out of their place', async (t) => {
  const { run } = await wholeRun(t);
  const page = await pageOf(run);
  t.false(page.includes(classes[0]!));
  t.true(page.includes('&#60;script&#62;alert(&#34;boat&#34;)&#60;/script&#62;'));
  t.true(page.includes('&#34;car&#34; &#38; &#39;co&#39;'));
  t.true(page.includes('name: &#34;&#60;b&#62;&#38;amp;&#34;'));
  t.is(page.match(/<script/g)?.length, 1, 'its own script alone');
});

test('the gallery shows images with maps and both boxes, hits and misses', async (t) => {
  const { run } = await wholeRun(t);
  const page = await pageOf(run);
  const cards = page.split('<li class="card"').slice(1);
  t.is(cards.length, 4);
  t.is(cards.filter((card) => card.includes('data-hit="hit"')).length, 2);
  const card = cards.find((one) => one.includes('tfrecord#2'))!;
  t.regex(card, /data-class="0" data-hit="miss"/);
  // Inclusive pixels: the true box [0, 0, 3, 7] is 4 wide, the predicted one [1, 2, 3, 6] is 3 by 5.
  t.regex(card, /<rect class="true" x="0" y="0" width="4" height="8"\/>/);
  t.regex(card, /<rect class="predicted" x="1" y="2" width="3" height="5"\/>/);
  t.regex(card, /aria-label="grad-cam\+\+ map for .*IoU 30.0 %, ✗ miss"/);
  // The image of the record, as the evaluation saw it: all pixels 100.
  const [, base64] = /<image href="data:image\/webp;base64,([^"]*)"/.exec(card)!;
  const { dominant } = await sharp(Buffer.from(base64!, 'base64')).stats();
  t.true(Math.abs(dominant.r - 100) <= 8, String(dominant.r));
});

test('without the data set the maps stand alone, and the page says so', async (t) => {
  const { run, data } = await wholeRun(t);
  await rm(data, { recursive: true });
  const report = await writeReport(run, { gallery: 3 });
  t.is(report.gallery, 3);
  t.regex(report.notes.join(), /images cannot be read \(.*dataset\.json: no such file/);
  const page = await readFile(report.path, 'utf8');
  t.regex(page, /class="note">The maps stand alone/);
  t.is(page.match(/<image /g)?.length, 6, 'a map of each of the two methods');
});

test('a run without evaluation has curves, config and versions', async (t) => {
  const run = temporaryFolder(t);
  await writeTraining(run);
  const report = await writeReport(run);
  t.deepEqual([report.path, report.splits, report.gallery], [join(run, 'report.html'), [], 0]);
  const page = await readFile(report.path, 'utf8');
  t.regex(page, /Not evaluated yet/);
  t.regex(
    page,
    /<desc id="loss-total-description">Total loss over training steps. training: from 4.00 to 1.00/,
  );
  // Step 20 was made again after the interruption: the axis ends at 4, not at 100.
  t.regex(page, />4<\/text>/);
  t.notRegex(page, />80<\/text>/);
  t.regex(page, /<desc id="metrics-0-description">.*accuracy: from 0.250 to 0.438/);
  t.deepEqual(row(page, 'val').slice(2), ['0.75 | 0.750', '–', '0.4375 | 43.8', '0.5 | 50.0', '–', '–']);
  t.regex(page, /<details><summary>config.yaml<\/summary><pre tabindex="0">name: .*\nseed: 17\n/);
  t.regex(page, /<dt>engine name<\/dt><dd>onnx<\/dd>/);
});

test('evaluations of a model folder need no run, and can be written elsewhere', async (t) => {
  const folder = temporaryFolder(t);
  await writeEvaluation(folder, join(folder, 'data'));
  const evaluations = join(folder, 'evaluation');
  const out = join(folder, 'pages', 'model.html');
  const page = await pageOf(evaluations, { evaluations, out });
  t.regex(page, /<h2 id="split-1-test-heading">Evaluation on test<\/h2>/);
  t.false(page.includes('id="training"'));
});

test('the same files make the same page', async (t) => {
  const { run } = await wholeRun(t);
  t.is(await pageOf(run), await pageOf(run));
});

test('broken and missing files are typed errors that say where', async (t) => {
  const { run, data } = await wholeRun(t);
  const results = join(run, 'evaluation', 'test.json');
  const fails = async (file: string, text: string, message: RegExp) => {
    const before = await readFile(file);
    await writeFile(file, text);
    await t.throwsAsync(writeReport(run), { instanceOf: DataError, message });
    await writeFile(file, before);
  };
  await fails(results, '{"format":', /test\.json: not valid JSON/);
  const good = evaluation(data);
  await fails(
    results,
    JSON.stringify({ ...good, version: 2 }),
    /test\.json: version: expected version 1, found 2/,
  );
  await fails(results, JSON.stringify({ ...good, classification: null }), /test\.json: classification: /);
  await fails(join(run, 'metrics.ndjson'), '{"step":1}\n', /metrics\.ndjson:1: images: /);
  await fails(join(run, 'log.ndjson'), '{"event":"start"}\n{\n', /log\.ndjson:2: not valid JSON/);
  await fails(join(run, 'environment.json'), '[]', /environment\.json: the whole: /);
  await fails(join(run, 'evaluation', 'test.images.ndjson'), '{"id":7}\n', /test\.images\.ndjson:1: id: /);

  await t.throwsAsync(writeReport(join(run, 'evaluation')), {
    instanceOf: RunError,
    message: /nothing to report: it holds neither a run/,
  });
  await t.throwsAsync(writeReport(run, { evaluations: join(run, 'other') }), { instanceOf: RunError });
  await t.throwsAsync(writeReport(run, { gallery: -1 }), { instanceOf: UsageError, message: /--gallery/ });
});

test('a last line that is still being written is left out', async (t) => {
  const run = temporaryFolder(t);
  await writeTraining(run);
  await appendFile(join(run, 'log.ndjson'), '{"event":"st');
  await t.notThrowsAsync(writeReport(run));
});
