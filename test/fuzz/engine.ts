import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { registerOnnxBackend } from '../../src/engine/onnx/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import type { Random } from '../../src/random/index.ts';
import { type Operand, type Operation, operations } from './engine-operations.ts';
import { type FuzzTarget, wrong } from './target.ts';

/** An input of a program, or what one of its steps gave. */
interface Step {
  readonly text: string;
  readonly operation: Operation;
  readonly operands: readonly number[];
  readonly run: (operands: readonly tf.Tensor[]) => tf.Tensor;
}

interface Program {
  readonly inputs: readonly { shape: number[]; dtype: 'float32' | 'int32' | 'bool'; values: number[] }[];
  /** Inputs and steps in the order in which they are numbered. */
  readonly order: readonly ('input' | Step)[];
}

const stepsOf = ({ order }: Program): Step[] => order.filter((item) => item !== 'input') as Step[];

const MOST_STEPS = 5;
/** Larger numbers than this are compared by nobody: an exponential of an exponential is rounding alone. */
const LARGEST = 1e6;
const TOLERANCE = 2e-4;

/** Values and gradients of short random programs on the embedded engine against the cpu backend. */
export const engineTarget: FuzzTarget = {
  name: 'engine',
  describe: 'random programs of tensor operations: values and gradients as on the cpu backend of tfjs',
  short: 150,
  async start() {
    registerOnnxBackend({ threads: 1 });
    enableHigherOrderGradients();
  },
  async run(random) {
    const program = draw(random);
    const [expected, found] = ['cpu', 'onnx'].map((backend) => outcome(backend, program)) as [
      Outcome,
      Outcome,
    ];
    const text = describe(program);
    if (expected.refused !== undefined && found.refused !== undefined) throw new UsageError(found.refused);
    // tfjs itself goes on with negative sizes.
    if (found.refused?.includes('does not fit into an image')) throw new UsageError(found.refused);
    if (found.refused !== undefined) wrong(`${text} threw: ${found.refused.split('\n', 1)[0]}`);
    if (expected.refused !== undefined)
      wrong(`${text} was taken; cpu: ${expected.refused.split('\n', 1)[0]}`);
    for (const [i, want] of expected.results!.entries()) {
      const got = found.results![i]!;
      const what = i === 0 ? 'value' : `gradient ${i - 1}`;
      if (got.shape.join() !== want.shape.join() || got.dtype !== want.dtype) {
        wrong(`${text}, ${what}: ${got.dtype}[${got.shape}], not ${want.dtype}[${want.shape}]`);
      }
      const at = firstDifference(got.values, want.values);
      if (at >= 0) wrong(`${text}, ${what}[${at}]: ${got.values[at]}, not ${want.values[at]}`);
    }
  },
};

function draw(random: Random): Program {
  const count = 1 + random.integer(MOST_STEPS);
  const inputs: Program['inputs'][number][] = [];
  const known: Operand[] = [];
  const input: Parameters<Operation['draw']>[1]['input'] = (shape, options = {}) => {
    const { dtype = 'float32', low = -2, high = 2, grid } = options;
    const size = shape.reduce((a, b) => a * b, 1);
    // Equal numbers and zeros: after a step that rounds, whether a kink lies at 0 or beside it would be chance.
    const isCoarse = grid ?? (count === 1 && random.integer(4) === 3);
    const values = Array.from({ length: size }, () => {
      const value = random.uniform(low, high);
      if (dtype === 'bool') return Number(value > (low + high) / 2);
      return dtype === 'int32'
        ? Math.round(value)
        : isCoarse
          ? Math.round(value * 4) / 4
          : Math.fround(value);
    });
    inputs.push({ shape, dtype, values });
    known.push({ index: known.length, shape, dtype, isExact: true, isDistinct: !isCoarse });
    return known.at(-1)!;
  };
  // Inputs and steps share one numbering; a step's own inputs come before it.
  const order: ('input' | Step)[] = [];
  for (let n = 0; n < count; n++) {
    const operation = random.pick(operations);
    const before = inputs.length;
    const drawn = operation.draw(random, { known, input });
    for (let i = before; i < inputs.length; i++) order.push('input');
    if (drawn === null) continue;
    const step = {
      text: drawn.text,
      operation,
      operands: drawn.operands.map(({ index }) => index),
      run: drawn.run,
    };
    order.push(step);
    const shape = shapeOf(step, known);
    if (shape === null) break;
    known.push({
      index: known.length,
      ...shape,
      isExact: operation.isExact === true && drawn.operands.every(({ isExact }) => isExact),
      isDistinct: false,
    });
    if (shape.shape.reduce((a, b) => a * b, 1) > 20_000) break;
  }
  return { inputs, order };
}

/** What the step gives on the cpu backend from zeros, or null when it is refused. */
function shapeOf(step: Step, known: readonly Operand[]): Pick<Operand, 'shape' | 'dtype'> | null {
  void tf.setBackend('cpu');
  tf.engine().startScope();
  try {
    const { shape, dtype } = step.run(
      step.operands.map((index) => tf.zeros(known[index]!.shape, known[index]!.dtype)),
    );
    return { shape, dtype: dtype as Operand['dtype'] };
  } catch {
    return null;
  } finally {
    tf.engine().endScope();
  }
}

interface Outcome {
  readonly refused?: string;
  readonly results?: readonly { shape: number[]; dtype: string; values: number[] }[];
}

function outcome(backend: string, program: Program): Outcome {
  const { inputs } = program;
  const steps = stepsOf(program);
  void tf.setBackend(backend);
  tf.engine().startScope();
  try {
    const given = inputs.map(({ shape, dtype, values }) => tf.tensor(values, shape, dtype));
    const apply = (tensors: readonly tf.Tensor[]): tf.Tensor => compute(program, tensors);
    const read = (x: tf.Tensor) => ({ shape: x.shape, dtype: x.dtype, values: Array.from(x.dataSync()) });
    const value = read(apply(given));
    const floats = given.filter(({ dtype }) => dtype === 'float32');
    const hasSlope = steps.length > 0 && steps.every(({ operation }) => operation.isSmooth !== false);
    if (!hasSlope || floats.length === 0 || value.dtype !== 'float32') return { results: [value] };
    const size = value.shape.reduce((a, b) => a * b, 1);
    const weights = tf.tensor(
      Array.from({ length: size }, (_, i) => Math.sin(1 + 7 * i)),
      value.shape,
    );
    const weighted = (...xs: tf.Tensor[]): tf.Tensor => {
      let next = 0;
      const all = given.map((x) => (x.dtype === 'float32' ? xs[next++]! : x));
      // The gradients of what takes no part are zero, not an error.
      const rest = tf.addN(xs.map((x) => tf.mul(tf.sum(x), 0)));
      return tf.add(tf.sum(tf.mul(apply(all), weights)), rest);
    };
    return { results: [value, ...tf.grads(weighted)(floats).map(read)] };
  } catch (error) {
    return { refused: (error as Error).message };
  } finally {
    tf.engine().endScope();
  }
}

/** Runs the steps, and gives the result of the last. */
function compute({ order }: Program, inputs: readonly tf.Tensor[]): tf.Tensor {
  const values: tf.Tensor[] = [];
  let next = 0;
  let last = inputs[0]!;
  for (const item of order) {
    if (item === 'input') {
      values.push(inputs[next++]!);
      continue;
    }
    last = item.run(item.operands.map((index) => values[index]!));
    values.push(last);
  }
  return last;
}

function firstDifference(found: readonly number[], right: readonly number[]): number {
  const finite = right.filter(Number.isFinite).map(Math.abs);
  const scale = finite.reduce((most, value) => Math.max(most, value), 1);
  if (scale > LARGEST) return -1;
  return right.findIndex((want, i) => {
    const got = found[i]!;
    if (Object.is(got, want) || got === want) return false;
    return !(Math.abs(got - want) <= TOLERANCE * scale);
  });
}

function describe(program: Program): string {
  const { inputs } = program;
  const shapes = inputs.map(({ shape, dtype }) => `${dtype === 'float32' ? '' : dtype}[${shape}]`).join(' ');
  return `${stepsOf(program)
    .map(({ text, operands }) => `${text}(${operands.join(' ')})`)
    .join(' > ')} of ${shapes}`;
}
