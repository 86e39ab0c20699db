/**
 * A Gaussian blur: one axis after the other, three deviations to each side, edges held.
 *
 * @param image [H·W·c]
 * @param sigma pixels
 */
export function gaussianBlur(
  image: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  sigma: number,
): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const bell = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = bell.reduce((sum, value) => sum + value, 0);
  const along = (from: Float32Array, size: number, stride: number) =>
    from.map((_, at) => {
      const place = Math.trunc(at / stride) % size;
      let sum = 0;
      for (let i = -radius; i <= radius; i++) {
        const neighbour = Math.min(size - 1, Math.max(0, place + i));
        sum += bell[i + radius]! * from[at + (neighbour - place) * stride]!;
      }
      return sum / total;
    });
  return along(along(image, width, channels), height, width * channels);
}
