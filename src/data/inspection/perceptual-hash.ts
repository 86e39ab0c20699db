/** Side of the thumbnail that a fingerprint keeps. */
const SIDE = 16;

/** What is kept of an image to find it again: 112 bits of how brightness rises and falls, and a small grey picture. */
export interface Fingerprint {
  /** Seven words of 16 bits. */
  hash: Uint16Array;
  /** [16*16], grey, without its mean and of length 1; all 0 where the image is of one grey. */
  thumbnail: Float32Array;
}

/**
 * Takes the fingerprint of an image: whether each of 8x8 blocks is brighter than the one to its left and than the one
 * above (a "difference hash", dHash), so that size, format, compression and brightness change little of it.
 *
 * @param image [side*side*3], RGB; the side a multiple of 16
 */
export function fingerprint(image: Float32Array, side: number): Fingerprint {
  const grey = blockMeans(image, side, SIDE);
  const blocks = Float32Array.from({ length: 64 }, (_, i) => {
    const at = Math.floor(i / 8) * 2 * SIDE + (i % 8) * 2;
    return (grey[at]! + grey[at + 1]! + grey[at + SIDE]! + grey[at + SIDE + 1]!) / 4;
  });
  const hash = new Uint16Array(7);
  let bit = 0;
  const put = (brighter: boolean) => {
    if (brighter) hash[bit >> 4]! |= 1 << (bit & 15);
    bit++;
  };
  for (let y = 0; y < 8; y++)
    for (let x = 1; x < 8; x++) put(blocks[y * 8 + x]! > blocks[y * 8 + x - 1]! + FLAT);
  for (let y = 1; y < 8; y++)
    for (let x = 0; x < 8; x++) put(blocks[y * 8 + x]! > blocks[y * 8 + x - 8]! + FLAT);

  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const length = Math.sqrt(grey.reduce((sum, value) => sum + (value - mean) ** 2, 0));
  return { hash, thumbnail: grey.map((value) => (length > FLAT ? (value - mean) / length : 0)) };
}

/** Differences below this, of 1, are noise of the compression. */
const FLAT = 1e-3;

function blockMeans(image: Float32Array, side: number, blocks: number): Float32Array {
  const size = side / blocks;
  const means = new Float32Array(blocks * blocks);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const i = (y * side + x) * 3;
      const grey = 0.2126 * image[i]! + 0.7152 * image[i + 1]! + 0.0722 * image[i + 2]!;
      means[Math.floor(y / size) * blocks + Math.floor(x / size)]! += grey / (size * size);
    }
  }
  return means;
}

/** How many of the 112 bits differ. */
export function hashDistance(a: Uint16Array, b: Uint16Array): number {
  let distance = 0;
  for (let i = 0; i < a.length; i++) {
    for (let bits = a[i]! ^ b[i]!; bits; bits &= bits - 1) distance++;
  }
  return distance;
}

/** Correlation of two thumbnails, 1 for images that differ in brightness and contrast alone. */
export function likeness(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
