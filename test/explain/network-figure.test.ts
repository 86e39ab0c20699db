import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { boxesOf } from '../../src/explain/network-boxes.ts';
import { networkFigure } from '../../src/explain/network-figure.ts';
import { layoutNetwork } from '../../src/explain/network-layout.ts';
import { networkNodes } from '../../src/gradcam/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';

test.before(startTestEngine);

const { add, batchNormalization, concatenate, conv2d, dense, flatten, reLU } = tfl.layers;

/** image - conv - (conv+norm | nothing) - add - long chain. */
function residual(chain: number): tfl.LayersModel {
  const image = tfl.input({ shape: [8, 8, 3], name: 'image' });
  const start = conv2d({ name: 'start', filters: 4, kernelSize: 3, padding: 'same' }).apply(image);
  const inner = conv2d({ name: 'inner', filters: 4, kernelSize: 3, padding: 'same', strides: 1 }).apply(
    start,
  );
  const norm = batchNormalization({ name: 'norm' }).apply(inner);
  let x = add({ name: 'sum' }).apply([start, norm] as tfl.SymbolicTensor[]);
  x = reLU({ name: 'relu' }).apply(x);
  for (let i = 0; i < chain; i++) x = conv2d({ name: `chain${i}`, filters: 4, kernelSize: 1 }).apply(x);
  return tfl.model({ inputs: image, outputs: x as tfl.SymbolicTensor });
}

test('nodes: names, inputs, shapes, parameters; shared layers count once, nested models are opened', (t) => {
  const encoder = tfl.sequential({
    name: 'encoder',
    layers: [
      flatten({ name: 'flat', inputShape: [4, 4, 1] }),
      dense({ name: 'code', units: 2, activation: 'relu' }),
    ],
  });
  const [left, right] = ['left', 'right'].map((name) => tfl.input({ shape: [4, 4, 1], name }));
  const both = concatenate({ name: 'both' }).apply([
    encoder.apply(left!),
    encoder.apply(right!),
  ] as tfl.SymbolicTensor[]);
  const nodes = networkNodes(tfl.model({ inputs: [left!, right!], outputs: both as tfl.SymbolicTensor }));
  t.deepEqual(
    nodes.map(({ name, inputs, parameters }) => [name, inputs, parameters]),
    [
      ['left', [], 0],
      ['right', [], 0],
      ['encoder/flat#0', ['left'], 0],
      ['encoder/code#0', ['encoder/flat#0'], 34],
      ['encoder/flat', ['right'], 0],
      ['encoder/code', ['encoder/flat'], 0],
      ['both', ['encoder/code#0', 'encoder/code'], 0],
    ],
  );
  t.deepEqual([nodes[3]!.op, nodes[3]!.shape, nodes[3]!.activation], ['Dense', [null, 2], 'relu']);
  const { text } = networkFigure(nodes);
  t.is(text.match(/class="scope"/g)?.length, 1, 'a frame around the nested model');
  t.true(text.includes('2 · 34 parameters'));
});

test('normalisation and activation are drawn into the box before them', (t) => {
  const boxes = boxesOf(networkNodes(residual(0)));
  t.deepEqual(
    boxes.map(({ members, inputs }) => [members.map(({ name }) => name), inputs]),
    [
      [['image'], []],
      [['start'], ['image']],
      [['inner', 'norm'], ['start']],
      [
        ['sum', 'relu'],
        ['start', 'inner'],
      ],
    ],
  );
});

test('the layout: rows by depth, long edges past the boxes, long chains in parts', (t) => {
  const options = { boxWidth: 100, gap: 10, edgeWidth: 20, rows: 4 };
  const parts = layoutNetwork(boxesOf(networkNodes(residual(7))), options);
  t.deepEqual(
    parts.map(({ rows }) =>
      rows.map((row) =>
        row
          .map(({ box }) => box?.id ?? '|')
          .toSorted()
          .join(' '),
      ),
    ),
    [
      ['image', 'start', 'inner |', 'sum'],
      ['chain0', 'chain1', 'chain2', 'chain3'],
      ['chain4', 'chain5', 'chain6'],
    ],
  );
  const passing = parts[0]!.rows[2]!;
  const distance = Math.abs(passing[0]!.x - passing[1]!.x);
  t.is(distance, 100 / 2 + 20 / 2 + 10, 'box and edge do not overlap');
  const skip = parts[0]!.edges.find((edge) => edge.length === 3)!;
  t.deepEqual(
    skip.map(({ row }) => row),
    [1, 2, 3],
  );
});

test('the explained layer is marked, also where it is drawn in the box of another', (t) => {
  const nodes = networkNodes(residual(1));
  for (const name of ['norm', 'chain0']) {
    const { text } = networkFigure(nodes, name);
    t.is(text.match(/class="box target"/g)?.length, 1, name);
  }
  t.false(networkFigure(nodes).text.includes('box target'));
});
