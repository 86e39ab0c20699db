/**
 * What an image loses when only what the map shows is left of it: max(0, Y − O) / Y, Y the score on the image, O on
 * the map times the image. Its mean, in per cent, is Average Drop % (Chattopadhay et al., Grad-CAM++, WACV 2018,
 * section 4.1.1).
 */
export function confidenceDrop(whole: number, shown: number): number {
  return whole > 0 ? Math.max(0, whole - shown) / whole : 0;
}

/** Whether it gains: Y < O. Its share, in per cent, is % Increase in Confidence (section 4.1.2). */
export function confidenceIncreases(whole: number, shown: number): boolean {
  return whole < shown;
}

/**
 * The pixels of a map by falling value; of equal ones the first.
 *
 * @param map [H·W]
 */
export function pixelOrder(map: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: map.length }, (_, i) => i).sort((a, b) => map[b]! - map[a]! || a - b);
}

/**
 * An image with some of its pixels taken from another.
 *
 * Deletion (Petsiuk et al., RISE, BMVC 2018): image and an empty one, the first pixels of the order. Insertion: a
 * blurred image and the image.
 *
 * @param image [H·W·3]
 * @param other [H·W·3]
 * @param pixels those that come from `other`
 * @param out [H·W·3], may be a part of a batch
 */
export function exchangePixels(
  image: Float32Array,
  other: Float32Array,
  pixels: Uint32Array,
  out: Float32Array,
): void {
  out.set(image);
  for (let i = 0; i < pixels.length; i++) {
    const at = 3 * pixels[i]!;
    out[at] = other[at]!;
    out[at + 1] = other[at + 1]!;
    out[at + 2] = other[at + 2]!;
  }
}

/**
 * Area under a curve by the trapezoid rule.
 *
 * @param x ascending
 */
export function areaUnder(x: readonly number[], y: readonly number[]): number {
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i]! - x[i - 1]!) * (y[i]! + y[i - 1]!)) / 2;
  return area;
}

/**
 * A blurred image: three box blurs after each other, close to a Gaussian of the given deviation; edges are held.
 *
 * @param image [H·W·3]
 * @param sigma pixels
 */
export function blurred(image: Float32Array, height: number, width: number, sigma: number): Float32Array {
  const radius = Math.max(1, Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2));
  let from = image;
  for (let pass = 0; pass < 3; pass++) {
    from = boxBlur(from, height, width, 3 * width, 3, radius);
    from = boxBlur(from, width, height, 3, 3 * width, radius);
  }
  return from;
}

/** Means over 2·radius + 1 values along one axis of an RGB image. */
function boxBlur(
  image: Float32Array,
  lines: number,
  length: number,
  lineStride: number,
  stride: number,
  radius: number,
): Float32Array {
  const out = new Float32Array(image.length);
  for (let line = 0; line < lines; line++) {
    for (let channel = 0; channel < 3; channel++) {
      const start = line * lineStride + channel;
      const at = (i: number) => image[start + Math.min(length - 1, Math.max(0, i)) * stride]!;
      let sum = 0;
      for (let i = -radius; i <= radius; i++) sum += at(i);
      for (let i = 0; i < length; i++) {
        out[start + i * stride] = sum / (2 * radius + 1);
        sum += at(i + radius + 1) - at(i - radius);
      }
    }
  }
  return out;
}
