import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { configSchema, stringifyConfig } from '../../src/config/index.ts';
import { generateBiasedBoats } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import {
  type EvaluationOptions,
  evaluate,
  evaluationTable,
  eventScalars,
} from '../../src/evaluation/index.ts';
import { alternatingMedians } from '../../src/evaluation/throughput.ts';
import { cosine } from '../../src/metrics/index.ts';
import { buildModel, countMultiplyAdds, countParameters, saveLayersModel } from '../../src/models/index.ts';

let folder: string;
const network = (widths: number[], seed: number, classes = 6, size = 16) =>
  buildModel('small-cnn', { inputShape: [size, size, 3], classes, seed, widths });
const [student, teacher] = [() => network([4, 8], 3), () => network([6, 6, 6], 5)];

/** A run whose student has maps of 8x8; its teacher's are 4x4. Both untrained: nothing depends on what they learned. */
test.before(async (t) => {
  t.timeout(240_000);
  folder = await mkdtemp(join(tmpdir(), 'gain-teacher-'));
  const sizes = { train: 2, trainFullsup: 2, val: 2, test: 7, unbiased: 2, size: 32 };
  await generateBiasedBoats(join(folder, 'data'), sizes);
  await startEngine({ engine: 'cpu' });
  await saveLayersModel(student(), join(folder, 'run', 'model'));
  await saveLayersModel(teacher(), join(folder, 'teacher'));
  await saveLayersModel(network([4], 1, 5), join(folder, 'five-classes'));
  await saveLayersModel(network([4], 1, 6, 32), join(folder, 'other-size'));
  const config = configSchema.parse({
    name: 'student',
    data: { imageSize: [16, 16], splits: { train: ['train'], validation: 'val', test: ['test'] } },
    model: { options: { widths: [4, 8] } },
    gain: { method: 'grad-cam' },
    distillation: {
      teacher: { model: join(folder, 'teacher') },
      maps: { method: 'hires-cam' },
      losses: { softTargets: { weight: 1 } },
    },
  });
  await writeFile(join(folder, 'run', 'config.yaml'), stringifyConfig(config));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const options = { measures: [], tolerance: 0, replicates: 50, seed: 1, faithfulnessLimit: 1, sanityLimit: 1 };

function evaluateRun(changed: Partial<EvaluationOptions> = {}, log: (line: string) => void = () => {}) {
  return evaluate({
    source: { run: join(folder, 'run') },
    data: join(folder, 'data'),
    options: { ...options, batchSize: 4, ...changed },
    engine: 'cpu',
    log,
  });
}

test.serial('the teacher of the run stands beside its student', async (t) => {
  t.timeout(240_000);
  const [evaluated] = await evaluateRun();
  const { result } = evaluated!;
  const { teacher: found, model } = result;
  t.is(found!.path, join(folder, 'teacher'));
  t.deepEqual(Object.keys(found!.maps), ['grad-cam', 'hires-cam'], "the run's method and that of its maps");
  t.deepEqual(
    [model.mapSize, found!.mapSize],
    [
      [8, 8],
      [4, 4],
    ],
  );
  t.is(found!.parameters, countParameters(teacher()));
  t.is(found!.multiplyAdds, countMultiplyAdds(teacher()));
  t.is(model.multiplyAdds, countMultiplyAdds(student()));
  t.is(found!.agreement.count, 7);
  t.is(found!.classification.accuracy.count, 7);
  t.true(result.classification.calibration!.expectedError! >= 0);
  const { student: rate, teacher: other, batchSize, rounds } = found!.throughput;
  t.true(rate > 0 && other > 0);
  t.deepEqual([batchSize, rounds], [4, 9]);

  const shown = evaluationTable(result);
  t.regex(shown, /teacher .*: both take the same class for the most likely on \d/);
  t.regex(shown, /maps of student and teacher, at the student's 8x8/);
  t.is(eventScalars(result)['teacher-test/agreement'], found!.agreement.value);

  // A network is its own best likeness.
  const [same] = await evaluateRun({ teacher: join(folder, 'run') });
  const likeness = same!.result.teacher!;
  t.is(likeness.agreement.value, 1);
  t.deepEqual(likeness.classification, same!.result.classification);
  for (const { cosine, rankCorrelation } of Object.values(likeness.maps)) {
    t.true(cosine!.count > 0);
    t.true(Math.abs(cosine!.value - 1) < 1e-6);
    t.true(Math.abs(rankCorrelation!.value - 1) < 1e-6);
  }
});

test.serial('a teacher that does not fit is refused; one that is gone is only told of', async (t) => {
  t.timeout(240_000);
  const refused: [string, string, RegExp][] = [
    ['nowhere', 'UsageError', /nowhere/],
    ['five-classes', 'ModelError', /the teacher has 5 outputs, the student 6 classes/],
    ['other-size', 'UsageError', /it takes images of 32x32, not of 16x16/],
  ];
  for (const [name, error, message] of refused) {
    await t.throwsAsync(evaluateRun({ teacher: join(folder, name) }), { name: error, message });
  }
  await t.throwsAsync(evaluateRun({ teacherLayer: 'conv9' }), {
    name: 'ModelError',
    message: /no layer "conv9"/,
  });
  await rm(join(folder, 'teacher'), { recursive: true });
  const lines: string[] = [];
  const [alone] = await evaluateRun({ limit: 1 }, (line) => lines.push(line));
  t.is(alone!.result.teacher, null);
  t.true(lines.some((line) => /the teacher of the run, .*, is not there.*--teacher/.test(line)));
});

test('networks are timed by turns; the median is not moved by one slow pass', (t) => {
  // Rounds of a and b; the first is warm-up. a takes 5, 2, 90, 4, b takes 7, 1, 1, 3.
  const durations = [5, 7, 2, 1, 90, 1, 4, 3];
  const order: string[] = [];
  let clock = 0;
  const pass = (name: string) => () => {
    clock += durations[order.length]!;
    order.push(name);
  };
  t.deepEqual(
    alternatingMedians([pass('a'), pass('b')], 3, 1, () => clock),
    [4, 1],
  );
  t.is(order.join(''), 'abababab');
  const even = [1, 3];
  clock = 0;
  t.deepEqual(
    alternatingMedians(
      [
        () => {
          clock += even.shift()!;
        },
      ],
      2,
      0,
      () => clock,
    ),
    [2],
  );
});

test('cosine of maps by hand', (t) => {
  t.is(cosine([3, 4], [4, 3]), 24 / 25);
  t.is(cosine([1, 0], [0, 2]), 0);
  t.is(cosine([1, 2, 3], [2, 4, 6]), 1);
  t.is(cosine([0, 0], [1, 2]), Number.NaN);
});
