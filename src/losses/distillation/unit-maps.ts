import * as tf from '@tensorflow/tfjs-core';

/** A map shorter than this points nowhere; dividing by its length would leave float32. */
const deadBelow = 1e-10;

/**
 * Maps as unit vectors: M_p / ‖M_p‖₂ over all their pixels. A map of zeros stays one, with zero gradient.
 *
 * @param maps `[P,…]`
 * @returns `[P,n]`, n pixels of a map
 */
export function unitMaps(maps: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const flat = tf.reshape(maps, [maps.shape[0]!, -1]);
    const squares = tf.sum(tf.square(flat), 1, true);
    // The divisor is made safe before the root and the division, so that no gradient is 0 · ∞.
    const alive = tf.cast(tf.greater(squares, deadBelow ** 2), 'float32');
    const safe = tf.add(tf.mul(squares, alive), tf.sub(1, alive));
    return tf.mul(tf.div(flat, tf.sqrt(safe)), alive) as tf.Tensor2D;
  });
}

/**
 * √Σ x² of each row, 0 with zero gradient for a row of zeros (where the root's own slope is infinite).
 *
 * @param rows `[P,n]`
 * @returns `[P]`
 */
export function lengths(rows: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => {
    const squares = tf.sum(tf.square(rows), 1);
    const positive = tf.cast(tf.greater(squares, 0), 'float32');
    return tf.mul(tf.sqrt(tf.add(squares, tf.sub(1, positive))), positive) as tf.Tensor1D;
  });
}
