/**
 * Moves an image down and to the right; what leaves it on one side comes in on the other.
 *
 * @param image [H·W·c]
 * @param shift pixels, of either sign
 */
export function roll(
  image: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  [down, right]: readonly [number, number],
): Float32Array {
  const out = new Float32Array(image.length);
  const row = width * channels;
  const cut = (((right % width) + width) % width) * channels;
  for (let y = 0; y < height; y++) {
    const to = ((((y + down) % height) + height) % height) * row;
    out.set(image.subarray(y * row, (y + 1) * row - cut), to + cut);
    out.set(image.subarray((y + 1) * row - cut, (y + 1) * row), to);
  }
  return out;
}
