import test from 'ava';
import { DataError } from '../../src/errors/index.ts';
import { kindOf, runTarget } from './run-target.ts';
import { type FuzzTarget, wrong } from './target.ts';
import { fuzzTargets } from './targets.ts';

/** Lists of numbers; those with one above 90 are faults, those of more than six are refused. */
const lists: FuzzTarget = {
  name: 'lists',
  describe: 'lists of numbers at a rule',
  async run(random) {
    const list = Array.from({ length: random.integer(9) }, () => random.integer(100));
    if (list.length > 6) throw new DataError(`a list of ${list.length}`);
    if (list.some((value) => value > 90)) wrong(`a large number in ${list}`);
  },
};

test('inputs are counted as right, typed or bad, and a seed makes the same ones', async (t) => {
  const first = await runTarget(lists, { seed: 3, inputs: 300 });
  const { tried, typed, right, bad } = first;
  t.is(tried, 300);
  t.is(typed + right + bad, 300);
  t.true(typed > 30 && right > 100 && bad > 10);
  const again = await runTarget(lists, { seed: 3, inputs: 300 });
  t.deepEqual({ ...again, seconds: 0 }, { ...first, seconds: 0 });
});

test('a fault is shrunk, and can be tried again by its number', async (t) => {
  const { faults } = await runTarget(lists, { seed: 3, inputs: 300, keep: 1 });
  const [fault] = faults;
  t.is(faults.length, 1);
  const [, list] = /a large number in (.*)/.exec(fault!.simplest)!;
  t.is(list!.split(',').length, 1, fault!.simplest);
  const alone = await runTarget(lists, { seed: 3, only: fault!.input });
  t.is(alone.tried, 1);
  t.is(alone.faults[0]!.message, fault!.message);
});

test('an error without a type is a fault, and says where it came from', async (t) => {
  const target = {
    ...lists,
    run: async () => {
      (undefined as unknown as { length: number }).length.toFixed();
    },
  };
  const { bad, faults } = await runTarget(target, { seed: 1, inputs: 5 });
  t.is(bad, 5);
  t.is(faults.length, 1);
  t.regex(faults[0]!.message, /^TypeError: .*fuzz\.test\.[jt]s/);
});

test('an input that takes too long is a fault', async (t) => {
  const target = {
    ...lists,
    seconds: 0.01,
    run: () => new Promise<void>((resolve) => setTimeout(resolve, 50)),
  };
  const { faults } = await runTarget(target, { seed: 1, inputs: 1, keep: 1 });
  t.regex(faults[0]!.message, /^took \d+\.\d s$/);
});

test('messages that differ in numbers are of one kind', (t) => {
  t.is(kindOf('add[3]: -1.5e-7 against 2'), kindOf('add[14]: 7 against 0.25'));
  t.not(kindOf('add[3]: 1'), kindOf('sub[3]: 1'));
});

for (const target of fuzzTargets) {
  test.serial(`no faults in a short run: ${target.name}`, async (t) => {
    const { tried, bad, faults } = await runTarget(target, { seed: 1, inputs: target.short ?? 50 });
    t.true(tried > 0);
    t.is(bad, 0, faults.map(({ input, simplest }) => `input ${input}: ${simplest}`).join('\n'));
  });
}
