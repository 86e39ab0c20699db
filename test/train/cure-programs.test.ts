import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);

test.serial('a run is audited, segmented and refitted from the command line', async (t) => {
  const place = workplace();
  const small = ['--set', 'training.epochs=1', '--set', 'engine.threads=1', '--set', 'data.workers=0'];
  t.is((await place.callHere('train', ['--config', 'tiny.yaml', ...small])).code, 0);

  const few = ['--class', 'boat', '--per-cell', '4', '--limit', '16', '--bootstrap', '20'];
  const audit = await place.callHere('audit', ['--run', 'runs/tiny', ...few]);
  t.is(audit.code, 0, audit.stderr);
  t.regex(audit.stdout, /^`boat`.*where `boat` and ground come apart/);
  t.regex(audit.stdout, /^val, 16 images, objects known by true masks/m);
  const found = JSON.parse(await place.read('runs/tiny/audit/audit.json'));
  t.deepEqual(
    [found.masks, found.perCell, found.classes.length, found.classes[0].class],
    ['true', 4, 1, 'boat'],
  );
  t.true(existsSync(place.path('runs/tiny/audit', found.pictures.boat)));
  const boxes = await place.callHere('audit', ['--run', 'runs/tiny', '--masks', 'boxes', '--json', ...few]);
  t.is(boxes.code, 0, boxes.stderr);
  const alongBoxes = JSON.parse(boxes.stdout);
  t.is(alongBoxes.masks, 'boxes');
  t.is(alongBoxes.classes[0].composites.cells.length, 4);
  t.regex(alongBoxes.classes[0].verdict.sentence, /by boxes/);
  const nobody = await place.callHere('audit', ['--run', 'runs/tiny', '--class', 'ship']);
  t.deepEqual([nobody.code, /no class 'ship'/.test(nobody.stderr)], [2, true]);

  const report = await place.callHere('report', ['--run', 'runs/tiny']);
  t.is(report.code, 0, report.stderr);
  const page = await place.read('runs/tiny/report.html');
  t.true(page.includes('<h2 id="audit">Audit</h2>'));
  t.regex(page, /<figure><figcaption>boat: composites of each kind/);

  const segment = await place.callHere('segment', [
    ...[
      '--run',
      'runs/tiny',
      '--mask-count',
      '6',
      '--steps',
      '3',
      '--folds',
      '0',
      '--split',
      'val',
      '--out',
      'masks',
    ],
  ]);
  t.is(segment.code, 0, segment.stderr);
  const [, file] = /16 predicted masks in (\S+)/.exec(segment.stdout)!;
  t.regex(segment.stdout, /^boat: not estimated$/m);
  t.true(existsSync(place.path('masks/grid.png')) && existsSync(place.path('masks/predicted.coco.json')));

  const refit = await place.callHere('refit', [
    ...['--run', 'runs/tiny', '--class', 'boat', '--mask-count', '8', '--samples', '24', '--subsets', '2'],
    ...['--out', 'refitted'],
  ]);
  t.is(refit.code, 0, refit.stderr);
  t.regex(refit.stdout, /^boat-without-water +8 /m);
  t.regex(refit.stdout, /^refit +last layer on 24 composites: boat\nin refitted$/m);
  const weights = (model: string) => readFile(place.path(model, 'weights.bin'));
  t.notDeepEqual(await weights('refitted'), await weights('runs/tiny/model'));
  const groupless = await place.callHere('refit', ['--run', 'runs/tiny', '--on', 'groups', '--out', 'none']);
  t.deepEqual([groupless.code, /have no group/.test(groupless.stderr)], [2, true], groupless.stderr);
  t.false(existsSync(place.path('none')));

  // Predicted masks of the validation split serve the audit.
  const args = ['--run', 'runs/tiny', '--predicted', file!, '--json', '--out', 'predicted', ...few];
  const predicted = await place.callHere('audit', args);
  t.is(predicted.code, 0, predicted.stderr);
  t.is(JSON.parse(predicted.stdout).masks, 'predicted');
});
