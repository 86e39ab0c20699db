import { readFileSync } from 'node:fs';
import test from 'ava';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { DataError, UsageError } from '../../../src/errors/index.ts';
import {
  networkOfLine,
  networkOfPrototxt,
  networkSvg,
  networkText,
  networkTikz,
} from '../../../src/explain/index.ts';
import { boxesOf } from '../../../src/explain/network-boxes.ts';
import { networkNodes } from '../../../src/gradcam/index.ts';
import { buildModel } from '../../../src/models/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';

test.before(startTestEngine);

const alexnet = readFileSync(new URL('../../fixtures/alexnet.prototxt', import.meta.url), 'utf8');

/** Rectangles, as left, top, right, bottom, and paths as the points that they begin and end at. */
function shapesOf(svg: string) {
  t0(XMLValidator.validate(svg) === true);
  const parsed = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' }).parse(svg);
  const list = (value: unknown) => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
  const boxes = list(parsed.svg.g).map((group: { rect: Record<string, string> }) => {
    const { x, y, width, height } = group.rect;
    return [Number(x), Number(y), Number(x) + Number(width), Number(y) + Number(height)] as const;
  });
  const paths = list(parsed.svg.path)
    .map(({ d, fill }: Record<string, string>) => ({ d: d!, fill }))
    .filter(({ fill }) => fill === 'none');
  const size = [Number(parsed.svg.width), Number(parsed.svg.height)] as const;
  return { boxes, paths, size };
}

function t0(condition: boolean): asserts condition {
  if (!condition) throw new Error('not well-formed XML');
}

test('a line of text: shapes, windows, numbers of weights, branches', (t) => {
  const nodes = networkOfLine(
    'input 64x48x3 | stem: conv 3x3x16 /2 relu | pool 2 | conv 1x1x16 valid | add pool2 | left: @stem avgpool 3 /2 same | ' +
      'concat add4 | gap | dropout 0.5 | dense 10 softmax',
  );
  t.deepEqual(
    nodes.map(({ name, op, inputs, shape, parameters }) => [name, op, inputs, shape.slice(1), parameters]),
    [
      ['input', 'InputLayer', [], [64, 48, 3], 0],
      ['stem', 'Conv2D', ['input'], [32, 24, 16], 3 * 3 * 3 * 16 + 16],
      ['pool2', 'MaxPooling2D', ['stem'], [16, 12, 16], 0],
      ['conv3', 'Conv2D', ['pool2'], [16, 12, 16], 16 * 16 + 16],
      ['add4', 'Add', ['conv3', 'pool2'], [16, 12, 16], 0],
      ['left', 'AveragePooling2D', ['stem'], [16, 12, 16], 0],
      ['concat6', 'Concatenate', ['left', 'add4'], [16, 12, 32], 0],
      ['gap7', 'GlobalAveragePooling2D', ['concat6'], [32], 0],
      ['dropout8', 'Dropout', ['gap7'], [32], 0],
      ['dense9', 'Dense', ['dropout8'], [10], 330],
    ],
  );
  t.deepEqual([nodes[1]!.activation, nodes[1]!.window, nodes[1]!.strides], ['relu', [3, 3], [2, 2]]);
  const fails = (line: string, message: RegExp) =>
    t.throws(() => networkOfLine(line), { instanceOf: UsageError, message });
  fails(
    'input 8x8x3 | convolve 3x3x4',
    /^layer 2, "convolve 3x3x4": no layer "convolve"; a line holds input/,
  );
  fails('conv 3x3x4', /expected an input first/);
  fails('input 8x8x3 | conv 3x3', /^layer 2, "conv 3x3": expected KxKxN/);
  fails('input 8x8x3 | conv 3x3x4 bold', /what is "bold"/);
  fails('input 8x8x3 | pool 9', /layer "pool1": its window does not fit/);
  fails('input 8x8x3 | add foo', /no layer "foo" before; there are input/);
  fails('input 8x8x3 | a: conv 3x3x4 | add input', /expected one shape, received 8x8x4 and 8x8x3/);
});

test('a prototxt of AlexNet: the sizes and the number of weights of the paper', (t) => {
  const { name, nodes, notes } = networkOfPrototxt(alexnet, 'alexnet.prototxt');
  t.is(name, 'AlexNet');
  t.deepEqual(notes, []);
  const shapes = Object.fromEntries(nodes.map((node) => [node.name, node.shape.slice(1).join('x')]));
  t.like(shapes, {
    data: '227x227x3',
    conv1: '55x55x96',
    pool1: '27x27x96',
    conv2: '27x27x256',
    pool2: '13x13x256',
    conv5: '13x13x256',
    pool5: '6x6x256',
    fc6: '4096',
    prob: '1000',
  });
  t.is(
    nodes.reduce((sum, { parameters }) => sum + parameters, 0),
    60_965_224,
  );
  t.deepEqual(
    nodes.find((node) => node.name === 'fc7')!.inputs,
    ['drop6'],
    'layers in place follow each other',
  );
});

test('a training prototxt: data, losses and old spellings; what is left out is said', (t) => {
  const text = `
    layers { name: 'data' type: DATA top: 'data' top: 'label' transform_param { crop_size: 21 } include { phase: TRAIN } }
    layers { name: 'c' type: CONVOLUTION bottom: 'data' top: 'c' convolution_param { num_output: 4 kernel_h: 3 kernel_w: 1 stride: 2 } }
    layers { name: 'p' type: POOLING bottom: 'c' top: 'p' pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
    layers { name: 'odd' type: "Bilinear" bottom: 'p' top: 'odd' }
    layers { name: 'ip' type: INNER_PRODUCT bottom: 'odd' top: 'ip' inner_product_param { num_output: 2 bias_term: false } }
    layers { name: 'loss' type: SOFTMAX_LOSS bottom: 'ip' bottom: 'label' }`;
  const { nodes, notes } = networkOfPrototxt(text, 'train.prototxt');
  t.deepEqual(
    nodes.map((node) => [node.name, node.shape.slice(1).join('x'), node.parameters]),
    [
      ['data', '21x21x3', 0],
      ['c', '10x11x4', 3 * 3 * 4 + 4],
      // Caffe rounds poolings up: (10 - 3) / 2 and (11 - 3) / 2.
      ['p', '5x5x4', 0],
      ['odd', '5x5x4', 0],
      ['ip', '2', 200],
    ],
  );
  t.is(notes.length, 3);
  t.regex(notes[0]!, /"data" \(Data\): drawn as an input of 21x21x3/);
  t.regex(notes[1]!, /"odd": type "Bilinear" is not known here/);
  t.regex(notes[2]!, /"loss" \(SoftmaxWithLoss\): left out/);
  const fails = (text: string, message: RegExp) =>
    t.throws(() => networkOfPrototxt(text, 'f'), { instanceOf: DataError, message });
  fails('layer {\n name: "a"\n type }', /^f:3: expected a value, found "}"/);
  fails('layer { name: "a"', /^f:1: expected the name of a field, found the end of the file/);
  fails('name: "x"', /it holds no layer/);
  fails('layer { name: "a" type: "ReLU" bottom: "b" top: "a" }', /no layer before makes its bottom "b"/);
  fails('input: "data" layer { name: "a" type: "ReLU" bottom: "data" }', /input "data" has no size/);
});

test('ResNet-18 as SVG: every layer in a box, no two boxes over each other, edges from box to box', (t) => {
  const model = buildModel('resnet18', { inputShape: [224, 224, 3], classes: 1000, seed: 1 });
  const nodes = networkNodes(model);
  model.dispose();
  const svg = networkSvg(nodes, { title: 'ResNet-18 & co' });
  const { boxes, paths, size } = shapesOf(svg);
  for (const node of nodes) t.true(svg.includes(node.name), node.name);
  for (const [left, top, right, bottom] of boxes) {
    t.true(left >= 0 && top >= 0 && right <= size[0] && bottom <= size[1]);
  }
  const overlapping = boxes.filter((a, i) =>
    boxes.some((b, j) => i < j && a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]),
  );
  t.deepEqual(overlapping, []);
  // Eight blocks with a branch each; drawn once for each value that a box reads.
  t.is(
    paths.length,
    boxesOf(nodes).reduce((sum, { inputs }) => sum + inputs.length, 0),
  );
  const near = (a: number, b: number) => Math.abs(a - b) < 1;
  for (const { d } of paths) {
    const numbers = d.match(/-?[\d.]+/g)!.map(Number);
    const [x0, y0] = numbers as [number, number];
    const [x1, y1] = numbers.slice(-2) as [number, number];
    t.true(
      boxes.some(([left, , right, bottom]) => near(bottom, y0) && x0 > left && x0 < right),
      d,
    );
    t.true(
      boxes.some(([left, top, right]) => near(top, y1) && x1 > left && x1 < right),
      d,
    );
  }
});

test('TikZ: a whole document, braces closed, names escaped', (t) => {
  const tex = networkTikz(networkOfLine('input 8x8x3 | my_conv: conv 3x3x4 relu | gap | dense 2'), {
    title: '50 % of A_B <c|d>',
  });
  t.regex(tex, /^\\documentclass\[tikz.*\\end\{document\}\n$/s);
  t.true(
    tex.includes('my\\_conv') &&
      tex.includes('50 \\% of A\\_B \\textless{}c\\textbar{}d\\textgreater{}') &&
      tex.includes('8$\\times$8$\\times$4'),
  );
  const plain = tex.replace(/\\[{}]/g, '');
  t.is(plain.match(/\{/g)!.length, plain.match(/\}/g)!.length);
  t.is(tex.match(/\\node\[(input|convolution|pooling|dense)\]/g)!.length, 4);
  t.is(tex.match(/\\draw\[flow\]/g)!.length, 3);
});

test('text: one line for each layer, and the sum of the weights', (t) => {
  const lines = networkText(networkOfLine('input 8x8x3 | conv 3x3x4 /2 relu | gap | dense 2'))
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));
  t.deepEqual(lines, [
    'layer kind answers weights',
    'input InputLayer 8x8x3',
    'conv1 Conv2D 3x3 /2, relu 4x4x4 112',
    'gap2 GlobalAveragePooling2D 4',
    'dense3 Dense 2 10',
    '122 weights',
  ]);
});
