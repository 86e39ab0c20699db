import * as tf from '@tensorflow/tfjs-core';

type Size = [number, number];

interface WindowAttributes {
  strides: number | Size;
  pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
  dilations?: number | Size;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NHWC' | 'NCHW';
  filterSize?: number | Size;
  filterShape?: [number, number, number, number];
  inputShape?: [number, number, number, number];
}

type Inputs = Record<string, tf.Tensor>;

/** How a kernel relates to the image [B,H,W,C] that is padded. */
interface PaddedKernel {
  /** The input that is the image; undefined where the image is the result, of the shape `attrs.inputShape`. */
  image?: string;
  /** Whether the result lies like the image, so that its padding is cut off. */
  isImage?: boolean;
  /** What a maximum ignores. @default 0 */
  fill?: number;
  /** Averages count the pixels of the image only: the input, or the result, that is divided by their share. */
  average?: 'dy' | 'result';
}

const paddedKernels: Record<string, PaddedKernel> = {
  [tf.Conv2D]: { image: 'x' },
  [tf.FusedConv2D]: { image: 'x' },
  [tf.Conv2DBackpropFilter]: { image: 'x' },
  [tf.Conv2DBackpropInput]: { isImage: true },
  [tf.DepthwiseConv2dNative]: { image: 'x' },
  [tf.FusedDepthwiseConv2D]: { image: 'x' },
  [tf.DepthwiseConv2dNativeBackpropFilter]: { image: 'x' },
  [tf.DepthwiseConv2dNativeBackpropInput]: { isImage: true },
  [tf.MaxPool]: { image: 'x', fill: Number.NEGATIVE_INFINITY },
  [tf.MaxPoolGrad]: { image: 'input', isImage: true, fill: Number.NEGATIVE_INFINITY },
  [tf.AvgPool]: { image: 'x', average: 'result' },
  [tf.AvgPoolGrad]: { image: 'input', isImage: true, average: 'dy' },
};

/**
 * The kernels of `backendName` that convolve or pool, for a backend that knows only the paddings `same` and `valid`:
 * any other padding is written out, and cut off again.
 */
export function withExplicitPadding(backendName: string): tf.KernelConfig[] {
  return Object.entries(paddedKernels).flatMap(([kernelName, kernel]) => {
    const stock = tf.getKernel(kernelName, backendName);
    if (!stock) return [];
    const kernelFunc: tf.KernelFunc = (call) => {
      const attrs = (call.attrs ?? {}) as unknown as WindowAttributes;
      const isKnown = attrs.pad === 'same' || attrs.pad === 'valid' || attrs.dataFormat === 'NCHW';
      return isKnown
        ? stock.kernelFunc(call)
        : runPadded(kernelName, kernel, call.inputs as unknown as Inputs, attrs);
    };
    return [{ ...stock, kernelFunc }];
  });
}

function runPadded(
  kernelName: string,
  { image, isImage = false, fill = 0, average }: PaddedKernel,
  inputs: Inputs,
  attrs: WindowAttributes,
): tf.Tensor {
  const shape = (image ? inputs[image]!.shape : attrs.inputShape!) as [number, number, number, number];
  const [rows, columns] = paddingOf(shape, inputs, attrs);
  const pad = (x: tf.Tensor, value: number) => tf.pad(x, [[0, 0], rows, columns, [0, 0]], value);
  const valid = (name: string, given: Inputs, given2: object = {}) =>
    tf.engine().runKernel(name, given, { ...attrs, pad: 'valid', ...given2 } as tf.NamedAttrMap) as tf.Tensor;

  return tf.tidy(() => {
    const padded = image ? { ...inputs, [image]: pad(inputs[image]!, fill) } : inputs;
    const [B, H, W, C] = shape;
    const inputShape = [B, H + rows[0] + rows[1], W + columns[0] + columns[1], C];
    const share = average && valid(tf.AvgPool, { x: pad(tf.ones([1, H, W, 1]), 0) });
    if (average === 'dy') padded.dy = tf.div(padded.dy!, share!);
    let result = valid(kernelName, padded, attrs.inputShape ? { inputShape } : {});
    if (average === 'result') result = tf.div(result, share!);
    return isImage ? tf.slice(result, [0, rows[0], columns[0], 0], shape) : result;
  });
}

/** Before and after the rows and columns of the image, so much that every window lies inside. */
function paddingOf(shape: [number, number, number, number], inputs: Inputs, attrs: WindowAttributes) {
  const { strides, pad, dilations = 1, dimRoundingMode } = attrs;
  const info = attrs.filterSize
    ? tf.backend_util.computePool2DInfo(shape, attrs.filterSize, strides, dilations, pad, dimRoundingMode)
    : tf.backend_util.computeConv2DInfo(
        shape,
        attrs.filterShape ?? (inputs.filter!.shape as [number, number, number, number]),
        strides,
        dilations,
        pad,
        dimRoundingMode,
      );
  const after = (input: number, windows: number, stride: number, extent: number, before: number) =>
    Math.max(0, (windows - 1) * stride + extent - input - before);
  const { top, left } = info.padInfo;
  return [
    [top, after(info.inHeight, info.outHeight, info.strideHeight, info.effectiveFilterHeight, top)],
    [left, after(info.inWidth, info.outWidth, info.strideWidth, info.effectiveFilterWidth, left)],
  ] as [Size, Size];
}
