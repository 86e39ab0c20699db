const base64 = (text: string) => Buffer.from(text).toString('base64');
const list = (sizes: number[]) => ({ list: { i: sizes.map(String) } });
const no = { b: false };

/**
 * A graph-model of 5x5 images as the TensorFlow converter writes it: conv, ReLU, mean over space, matrix product, softmax.
 *
 * @param kernel [3,3,channels,3]
 * @param matrix [3,4]
 */
export function graphArtifacts(channels: number, kernel: readonly number[], matrix: readonly number[]) {
  const constant = (name: string, shape: number[], dtype: string) => ({
    name,
    op: 'Const',
    attr: {
      dtype: { type: dtype },
      value: { tensor: { dtype, tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } } },
    },
  });
  const node = [
    {
      name: 'x',
      op: 'Placeholder',
      attr: {
        dtype: { type: 'DT_FLOAT' },
        shape: { shape: { dim: ['-1', '5', '5', String(channels)].map((size) => ({ size })) } },
      },
    },
    constant('kernel', [3, 3, channels, 3], 'DT_FLOAT'),
    constant('axes', [2], 'DT_INT32'),
    constant('matrix', [3, 4], 'DT_FLOAT'),
    {
      name: 'conv',
      op: 'Conv2D',
      input: ['x', 'kernel'],
      attr: {
        strides: list([1, 1, 1, 1]),
        dilations: list([1, 1, 1, 1]),
        padding: { s: base64('VALID') },
        data_format: { s: base64('NHWC') },
      },
    },
    { name: 'relu', op: 'Relu', input: ['conv'], attr: {} },
    { name: 'mean', op: 'Mean', input: ['relu', 'axes'], attr: { keep_dims: no } },
    { name: 'logits', op: 'MatMul', input: ['mean', 'matrix'], attr: { transpose_a: no, transpose_b: no } },
    { name: 'probabilities', op: 'Softmax', input: ['logits'], attr: {} },
  ];
  const weights = new Float32Array([...kernel, ...matrix]);
  const axes = new Int32Array([1, 2]);
  const data = Buffer.concat([
    Buffer.from(weights.buffer, 0, 4 * kernel.length),
    Buffer.from(axes.buffer),
    Buffer.from(weights.buffer, 4 * kernel.length),
  ]);
  return {
    modelTopology: { node, versions: { producer: 1 } },
    weightSpecs: [
      { name: 'kernel', shape: [3, 3, channels, 3], dtype: 'float32' as const },
      { name: 'axes', shape: [2], dtype: 'int32' as const },
      { name: 'matrix', shape: [3, 4], dtype: 'float32' as const },
    ],
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer,
    format: 'graph-model',
  };
}
