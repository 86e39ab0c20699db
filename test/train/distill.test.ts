import { readdir, writeFile } from 'node:fs/promises';
import test from 'ava';
import { workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);
const patience = 180_000;

test.serial('a student is taught by a run: its terms, its agreement, answers stored once', async (t) => {
  t.timeout(2 * patience);
  const place = workplace();
  const teacher = await place.train(['--config', 'tiny.yaml', '--run', 'runs/teacher']);
  t.is(teacher.code, 0, teacher.stderr);

  const config = `${await place.read('tiny.yaml')}
distillation:
  teacher: { model: runs/teacher, maps: precomputed }
  losses: { explanation: { weight: 1, startEpoch: 1 }, similarity: { weight: 0.5 } }
`;
  await writeFile(place.path('student.yaml'), config.replace('name: tiny', 'name: student'));
  const student = await place.train(['--config', 'student.yaml', '--set', 'model.options.widths=[3, 4]']);
  t.is(student.code, 0, student.stderr);
  t.regex(student.stderr, /^teacher {2}small_cnn, [\d,]+ parameters$/m);
  t.regex(student.stderr, /similarity \d/);
  const { metrics } = JSON.parse(await place.read('runs/student/summary.json'));
  const { agreement, mapCosine, mapDistance } = metrics.test.teacher;
  t.true(agreement >= 0 && agreement <= 1);
  t.true(mapCosine >= 0 && mapCosine <= 1);
  t.true(mapDistance >= 0 && mapDistance <= Math.SQRT2);
  t.regex(student.stdout, /agreement/);
  t.is((await readdir(place.path('data/teacher'))).filter((file) => file.endsWith('.tfrecord')).length, 1);
  const log = await place.read('runs/student/log.ndjson');
  const steps = log
    .split('\n')
    .filter((line) => line.includes('"event":"step"'))
    .map((line) => JSON.parse(line).losses);
  t.false('explanation' in steps[0]);
  t.true(steps.at(-1).explanation >= 0);
});

const refusals: [what: string, args: string[], message: RegExp][] = [
  ['a teacher that is not there', ['distillation.teacher.model=nowhere'], /^ModelError: nowhere/m],
  [
    'a teacher without a weight',
    ['distillation.losses.explanation.weight=0', 'distillation.losses.similarity.weight=0'],
    /ConfigError: .*distillation\.losses: .*would teach nothing/,
  ],
  [
    'soft targets of crops, precomputed',
    ['distillation.losses.softTargets.weight=1'],
    /UsageError: distillation\.teacher\.maps: precomputed logits .*data\.augment\.crop/,
  ],
  [
    'a layer that does not exist',
    ['distillation.maps.teacherLayer=conv9', 'distillation.teacher.maps=live'],
    /ModelError: .*conv9/,
  ],
];
for (const [what, settings, message] of refusals) {
  test.serial(`refused before anything is written: ${what}`, async (t) => {
    t.timeout(patience);
    const sets = settings.flatMap((setting) => ['--set', setting]);
    const ended = await workplace().train(['--config', 'student.yaml', '--run', 'runs/refused', ...sets]);
    t.regex(ended.stderr, message);
    t.is(ended.code, 2);
    t.false((await readdir(workplace().path('runs'))).includes('refused'));
  });
}
