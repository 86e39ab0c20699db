import { readdir, readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);
const patience = 180_000;

test.serial('a student is taught by a run: its terms, its agreement, answers stored once', async (t) => {
  t.timeout(2 * patience);
  const place = workplace();
  const teacher = await place.callHere('train', ['--config', 'tiny.yaml', '--run', 'runs/teacher']);
  t.is(teacher.code, 0, teacher.stderr);

  const config = `${await place.read('tiny.yaml')}
distillation:
  teacher: { model: runs/teacher, maps: precomputed }
  losses: { explanation: { weight: 1, startEpoch: 1 }, similarity: { weight: 0.5 } }
`;
  await writeFile(place.path('student.yaml'), config.replace('name: tiny', 'name: student'));
  const student = await place.callHere('train', [
    '--config',
    'student.yaml',
    '--set',
    'model.options.widths=[3, 4]',
  ]);
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

test.serial(
  'killed while it is taught and resumed, a student ends with the weights of a whole run',
  async (t) => {
    t.timeout(2 * patience);
    const place = workplace();
    const args = ['--config', 'student.yaml', '--set', 'model.options.widths=[3, 4]', '--run', 'runs/killed'];
    const killed = await place.train(args, {
      onStart: (kill) => {
        const watch = setInterval(async () => {
          const log = await readFile(place.path('runs/killed/log.ndjson'), 'utf8').catch(() => '');
          if (!log.includes('"step":12,')) return;
          clearInterval(watch);
          kill('SIGKILL');
        }, 5);
      },
    });
    t.is(killed.signal, 'SIGKILL');
    const resumed = await place.callHere('train', [...args, '--resume']);
    t.is(resumed.code, 0, resumed.stderr);
    t.regex(resumed.stderr, /^resumed {2}after step \d+/m);
    const weights = (run: string) => readFile(place.path('runs', run, 'model', 'weights.bin'));
    t.true((await weights('killed')).equals(await weights('student')));
    t.is(await place.read('runs/killed/metrics.ndjson'), await place.read('runs/student/metrics.ndjson'));
  },
);

const refusals: [what: string, args: string[], message: RegExp][] = [
  [
    'a teacher that is not there',
    ['distillation.teacher.model=nowhere'],
    /^UsageError: teacher: nowhere does not exist/m,
  ],
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
    const ended = await workplace().callHere('train', [
      '--config',
      'student.yaml',
      '--run',
      'runs/refused',
      ...sets,
    ]);
    t.regex(ended.stderr, message);
    t.is(ended.code, 2);
    t.false((await readdir(workplace().path('runs'))).includes('refused'));
  });
}
