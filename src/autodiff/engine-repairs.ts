import * as tf from '@tensorflow/tfjs-core';
import { conv2dGradients, depthwiseConv2dGradients } from './convolution.ts';
import { type InputGradients, sumTo } from './gradient-rule.ts';
import { matMulGradients } from './matmul.ts';
import { isRecording } from './tape.ts';

type Inputs = Record<string, tf.Tensor>;
type Save = (tensors: tf.Tensor[]) => void;
type CustomGradient = (...inputsAndSave: unknown[]) => {
  value: tf.Tensor;
  gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
};

/** The entries of the engine through which every op of tfjs goes; `runKernelFunc` is private in its types. */
interface Engine {
  state: { activeScope: { name: string } | null };
  customGrad(f: CustomGradient): (...inputs: tf.Tensor[]) => tf.Tensor;
  runKernel(name: string, inputs: Inputs, attrs?: object): tf.Tensor;
  runKernelFunc(kernel: {
    forwardFunc: (backend: unknown, save: Save) => tf.Tensor;
    backwardsFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => InputGradients;
    inputs: Inputs;
  }): tf.Tensor;
}

/** Ops whose hand-written gradient saves something that it computed, which is then a constant to a second pass. */
const SAVES_COMPUTED = new Set(['logSoftmax__op', 'softmaxCrossEntropy__op']);

/** Ops whose hand-written gradient computes all derivatives, wanted or not, and none for a dilated convolution. */
const FUSED = new Set(['fusedConv2d__op', 'fusedDepthwiseConv2d__op', 'fusedMatMul__op']);

type LinearPart = (dy: tf.Tensor, first: tf.Tensor, second: tf.Tensor, attrs: object) => InputGradients;

/** Derivatives of the fused kernels without bias; while a tape records, tfjs does not fuse an activation. */
const fusedKernels: Record<string, { inputs: [string, string]; gradients: LinearPart }> = {
  [tf.FusedConv2D]: { inputs: ['x', 'filter'], gradients: conv2dGradients },
  [tf.FusedDepthwiseConv2D]: { inputs: ['x', 'filter'], gradients: depthwiseConv2dGradients },
  [tf._FusedMatMul]: { inputs: ['a', 'b'], gradients: matMulGradients },
};

/** Also saves the inputs, and while a tape records the backward pass, runs `f` again so that it is on that tape. */
function recomputing(f: CustomGradient): CustomGradient {
  return (...inputsAndSave) => {
    const inputs = inputsAndSave.slice(0, -1) as tf.Tensor[];
    const save = inputsAndSave.at(-1) as Save;
    const { value, gradFunc } = f(...inputs, (computed: tf.Tensor[]) => save([...inputs, ...computed]));
    return {
      value,
      gradFunc: (dy, saved) => {
        if (!isRecording()) return gradFunc(dy, saved.slice(inputs.length));
        let computed: tf.Tensor[] = [];
        const again = f(...saved.slice(0, inputs.length), (tensors: tf.Tensor[]) => {
          computed = tensors;
        });
        return again.gradFunc(dy, computed);
      },
    };
  };
}

/**
 * Repairs what a registered gradient cannot reach, because it sits in the op itself:
 * - `tf.logSoftmax` and `tf.losses.softmaxCrossEntropy` become differentiable to any order;
 * - `tf.fused.conv2d`, `depthwiseConv2d` and `matMul` (which tf.layers emits for its layers) compute only the
 *   derivatives that are asked for, and also those of dilated convolutions;
 * - `tf.batchNorm` without scale or offset, which cannot be recorded in tfjs 4.22 ("reading 'id'"), gets a
 *   constant one and zero.
 */
export function repairEngine(): void {
  const engine = tf.engine() as unknown as Engine;
  const { customGrad, runKernel } = engine;

  engine.customGrad = (f) => {
    const op = engine.state.activeScope?.name ?? '';
    if (isRecording() && FUSED.has(op)) return (...inputs) => f(...inputs, () => undefined).value;
    return customGrad.call(engine, SAVES_COMPUTED.has(op) ? recomputing(f) : f);
  };

  engine.runKernel = (name, inputs, attrs) => {
    if (!isRecording()) return runKernel.call(engine, name, inputs, attrs);
    if (name === tf.FusedBatchNorm) {
      const { shape } = inputs.mean!;
      const { scale = tf.ones(shape), offset = tf.zeros(shape) } = inputs;
      return runKernel.call(engine, name, { ...inputs, scale, offset }, attrs);
    }
    const fused = fusedKernels[name];
    if (fused === undefined) return runKernel.call(engine, name, inputs, attrs);

    const [first, second] = fused.inputs;
    const { [first]: x, [second]: filter, bias } = inputs;
    return engine.runKernelFunc({
      inputs: bias ? { [first]: x!, [second]: filter!, bias } : { [first]: x!, [second]: filter! },
      forwardFunc: (_backend, save) => {
        save(bias ? [x!, filter!, bias] : [x!, filter!]);
        return runKernel.call(engine, name, inputs, attrs);
      },
      backwardsFunc: (dy, [savedX, savedFilter, savedBias]) => ({
        ...fused.gradients(dy, savedX!, savedFilter!, attrs ?? {}),
        bias: () => sumTo(dy, savedBias!.shape),
      }),
    });
  };
}
