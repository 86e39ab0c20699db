/**
 * Frames of a clip side by side, as one picture.
 *
 * @param values [T·H·W·c], row by row
 * @param shown which frames, in the order of the strip
 * @returns [H·(n·W)·c], n the number of shown frames
 */
export function frameStrip(
  values: Float32Array,
  [, height, width]: readonly [frames: number, height: number, width: number],
  shown: readonly number[],
  channels = 1,
): Float32Array {
  const line = width * channels;
  const strip = new Float32Array(height * shown.length * line);
  for (const [place, frame] of shown.entries()) {
    for (let y = 0; y < height; y++) {
      const from = (frame * height + y) * line;
      strip.set(values.subarray(from, from + line), (y * shown.length + place) * line);
    }
  }
  return strip;
}

/** Frames that a strip shows at most, unless told. */
const usual = 8;

/** Which frames of a clip a strip shows: all, or so many, evenly chosen. */
export function shownFrames(frames: number, most = usual): number[] {
  const count = Math.min(frames, most);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * frames) / count));
}

/**
 * A map of t frames at T frames: linear interpolation in time, half-pixel centres.
 *
 * @param map [t·h·w]
 * @returns [T·h·w]
 */
export function mapAtFrames(map: Float32Array, from: number, to: number): Float32Array {
  const size = map.length / from;
  const result = new Float32Array(to * size);
  for (let frame = 0; frame < to; frame++) {
    const at = Math.min(from - 1, Math.max(0, ((frame + 0.5) * from) / to - 0.5));
    const [low, share] = [Math.floor(at), at - Math.floor(at)];
    const high = Math.min(from - 1, low + 1);
    for (let i = 0; i < size; i++) {
      const [a, b] = [map[low * size + i]!, map[high * size + i]!];
      result[frame * size + i] = a + share * (b - a);
    }
  }
  return result;
}
