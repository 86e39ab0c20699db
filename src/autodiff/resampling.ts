import * as tf from '@tensorflow/tfjs-core';

/**
 * The matrix R of linear interpolation along one axis with half-pixel centres: target i lies at
 * s = max(0, (i + ½) · from / to − ½), and R[i, ⌊s⌋] = 1 − (s − ⌊s⌋), R[i, ⌊s⌋ + 1] = s − ⌊s⌋, held at the end.
 *
 * The same samples as PyTorch's `interpolate(…, align_corners=False)` and TensorFlow's
 * `resize(…, half_pixel_centers=True)`.
 *
 * @param from number of source samples
 * @param to number of target samples
 * @returns [to, from], row by row; each row sums to 1
 */
export function interpolationMatrix(from: number, to: number): Float32Array {
  return linearInterpolation(from, to, (index) => Math.max(0, ((index + 0.5) * from) / to - 0.5));
}

/** The matrix [to, from] of linear interpolation at `position(i)`, for i = 0 … to − 1. */
export function linearInterpolation(
  from: number,
  to: number,
  position: (index: number) => number,
): Float32Array {
  const matrix = new Float32Array(to * from);
  for (let index = 0; index < to; index++) {
    const source = Math.min(Math.max(position(index), 0), from - 1);
    const left = Math.floor(source);
    const weight = source - left;
    matrix[index * from + left]! += 1 - weight;
    if (weight > 0) matrix[index * from + left + 1]! += weight;
  }
  return matrix;
}

/**
 * Left · M · Rightᵀ for each of P matrices M, without broadcasting a batch (not every engine can).
 *
 * @param maps [P,h,w]
 * @param left [H,h]
 * @param right [W,w]
 * @returns [P,H,W]
 */
export function separableProduct(maps: tf.Tensor3D, left: tf.Tensor2D, right: tf.Tensor2D): tf.Tensor3D {
  const [count, h, w] = maps.shape;
  const [H, W] = [left.shape[0], right.shape[0]];
  const columns = tf.reshape(tf.transpose(maps, [0, 2, 1]), [count * w, h]);
  const tall = tf.reshape(tf.matMul(columns, left, false, true), [count, w, H]);
  const rows = tf.reshape(tf.transpose(tall, [0, 2, 1]), [count * H, w]);
  return tf.reshape(tf.matMul(rows, right, false, true), [count, H, W]);
}

/**
 * Bilinear upsampling with half-pixel centres (PyTorch's `align_corners=False`): R_H · M · R_Wᵀ.
 *
 * Two products with constant matrices, so the result is linear in the maps and its gradients are exact to any order,
 * which those of `tf.image.resizeBilinear` are not.
 *
 * @param maps [P,h,w]
 * @param size [H,W] in pixels
 * @returns [P,H,W]
 */
export function upsampleBilinear(maps: tf.Tensor3D, [height, width]: [number, number]): tf.Tensor3D {
  const [, h, w] = maps.shape;
  return tf.tidy(() =>
    separableProduct(
      maps,
      tf.tensor2d(interpolationMatrix(h, height), [height, h]),
      tf.tensor2d(interpolationMatrix(w, width), [width, w]),
    ),
  );
}

/**
 * Averages down: each cell takes the mean over its own area of the source, pixels that it cuts counted by their
 * share. Linear, so exact to any order; PyTorch's `interpolate(mode='area')` where the sizes divide.
 *
 * @param maps [P,H,W], or [P,D,H,W] of clips and volumes
 * @param size [h, w] in pixels, or [d, h, w], at most H, W
 * @returns [P,h,w] or [P,d,h,w]
 */
export function downsampleArea<M extends tf.Tensor>(maps: M, size: readonly number[]): M {
  const [height, width] = size.slice(-2) as [number, number];
  return tf.tidy(() => {
    const [H, W] = maps.shape.slice(-2) as [number, number];
    const planes = tf.reshape(maps, [-1, H, W]) as tf.Tensor3D;
    const small = separableProduct(planes, areaMatrix(H, height), areaMatrix(W, width));
    if (maps.rank === 3) return small as tf.Tensor as M;
    const [pairs, D] = maps.shape as [number, number];
    const slices = tf.reshape(small, [pairs, D, height, width]) as tf.Tensor4D;
    return productAlongDepth(slices, areaMatrix(D, size[0]!)) as tf.Tensor as M;
  });
}

/**
 * A product with a constant matrix along the axis after the first.
 *
 * @param maps [P,d,h,w]
 * @param matrix [D,d]
 * @returns [P,D,h,w]
 */
export function productAlongDepth(maps: tf.Tensor4D, matrix: tf.Tensor2D): tf.Tensor4D {
  const [pairs, d, h, w] = maps.shape;
  const lines = tf.transpose(tf.reshape(maps, [pairs, d, h * w]), [0, 2, 1]);
  const long = tf.matMul(tf.reshape(lines, [pairs * h * w, d]), matrix, false, true);
  const resized = tf.transpose(tf.reshape(long, [pairs, h * w, matrix.shape[0]]), [0, 2, 1]);
  return tf.reshape(resized, [pairs, matrix.shape[0], h, w]);
}

/** [to, from]: the share of each of `from` pixels in each of `to` equal stretches. */
function areaMatrix(from: number, to: number): tf.Tensor2D {
  const stretch = from / to;
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    for (let j = Math.floor(i * stretch); j < Math.min(from, Math.ceil((i + 1) * stretch)); j++) {
      const overlap = Math.min(j + 1, (i + 1) * stretch) - Math.max(j, i * stretch);
      matrix[i * from + j] = Math.max(0, overlap) / stretch;
    }
  }
  return tf.tensor2d(matrix, [to, from]);
}

/**
 * A Gaussian blur, G_H · I · G_Wᵀ for each channel; what of the bell would fall off the edge goes to the rest of it.
 *
 * @param images I, [N,H,W,c]
 * @param sigma standard deviation in pixels, above 0
 * @returns [N,H,W,c]
 */
export function gaussianBlur(images: tf.Tensor4D, sigma: number): tf.Tensor4D {
  const [batch, height, width, channels] = images.shape;
  return tf.tidy(() => {
    const planes = tf.reshape(tf.transpose(images, [0, 3, 1, 2]), [batch * channels, height, width]);
    const blurred = separableProduct(
      planes as tf.Tensor3D,
      gaussianMatrix(height, sigma),
      gaussianMatrix(width, sigma),
    );
    return tf.transpose(tf.reshape(blurred, [batch, channels, height, width]), [0, 2, 3, 1]);
  });
}

/** [size, size]: row i holds the weights of the samples that make blurred sample i. */
function gaussianMatrix(size: number, sigma: number): tf.Tensor2D {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = Float32Array.from({ length: size }, (_, j) => Math.exp(-((i - j) ** 2) / (2 * sigma ** 2)));
    const sum = row.reduce((a, b) => a + b, 0);
    matrix.set(
      row.map((weight) => weight / sum),
      i * size,
    );
  }
  return tf.tensor2d(matrix, [size, size]);
}
