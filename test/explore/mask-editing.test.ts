import test from 'ava';
import { boxOf, emptyMarks, grown, painted, polygonOf, sameMarks, stroke } from '../../page/mask-editing.ts';
import { MaskSaver } from '../../page/mask-saver.ts';

const rows = (values: Uint8Array, width: number) =>
  Array.from({ length: values.length / width }, (_, y) =>
    [...values.subarray(y * width, (y + 1) * width)].join(''),
  );

test('brush, box and polygon take the pixels whose centres they hold', (t) => {
  const empty = emptyMarks(5, 6);
  const box = painted(empty, boxOf([3.6, 0.9], [1.2, 3.2]), { class: 1 });
  t.deepEqual(rows(box.classes, 6), ['000000', '022000', '022000', '022000', '000000']);
  const line = painted(empty, stroke([2.5, 1.5], [2.5, 4.5], 0.5), { class: 0 });
  t.deepEqual(rows(line.classes, 6), ['000000', '000000', '011110', '000000', '000000']);
  // The smallest brush, at a corner between four pixels, still paints something.
  t.true(painted(empty, stroke([2, 2], [2, 2], 0), { class: 0 }).classes.includes(1));
  const triangle = painted(
    empty,
    polygonOf([
      [0, 0],
      [5, 0],
      [5, 6],
    ]),
    { class: 0 },
  );
  t.deepEqual(rows(triangle.classes, 6), ['100000', '110000', '111000', '111100', '111110']);
});

test('a pixel is one thing: what must not matter replaces a class, and the eraser both', (t) => {
  const all = () => true;
  const first = painted(emptyMarks(2, 2), all, { class: 0 });
  const second = painted(first, (y) => y === 0, 'irrelevant');
  t.deepEqual([...second.classes], [0, 0, 1, 1]);
  t.deepEqual([...second.irrelevant], [1, 1, 0, 0]);
  t.true(sameMarks(painted(second, all, 'nothing'), emptyMarks(2, 2)));
  t.false(sameMarks(first, second));
});

test('a region grows over what is alike and connected, and not around a corner or an edge', (t) => {
  const distance = Float32Array.from([0, 0.1, 0.9, 0, 0.2, 0.9, 0.9, 0, 0.9, 0.9, 0.3, 0]);
  const marks = painted(emptyMarks(3, 4), grown(distance, 3, 4, [0.5, 0.5], 0.25), { class: 0 });
  t.deepEqual(rows(marks.classes, 4), ['1100', '1000', '0000']);
});

test('masks are saved one after the other, each with the revision of the one before', async (t) => {
  const sent: [string, string][] = [];
  const release: (() => void)[] = [];
  const saver = new MaskSaver(
    {
      async saveMask(id, base) {
        sent.push([id, base]);
        await new Promise<void>((resolve) => release.push(resolve));
        if (id === 'b') throw new Error('changed meanwhile');
        return { revision: `after ${base}`, by: 'ann', at: 'now' };
      },
    },
    () => {},
  );
  const empty = emptyMarks(1, 3);
  const marks = [0, 1, 2].map((x) => painted(empty, (_, u) => u <= x, { class: 0 }));
  saver.begin('a', { marks: empty, revision: 'none' });
  saver.begin('b', { marks: empty, revision: 'none' });
  saver.put('a', empty);
  for (const one of marks) saver.put('a', one);
  saver.put('b', marks[0]!);
  const turn = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    release.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  while (saver.busy) await turn();
  t.deepEqual(sent[0], ['a', 'none']);
  t.deepEqual(
    sent.filter(([id]) => id === 'b'),
    [['b', 'none']],
  );
  t.is(saver.error('b'), 'changed meanwhile');
  t.is(saver.error('a'), undefined);
  t.true(sameMarks(saver.saved('a')!.marks, marks[2]!));
  const ofA = sent.filter(([id]) => id === 'a').length;
  t.is(saver.saved('a')!.revision, `${'after '.repeat(ofA)}none`);
});
