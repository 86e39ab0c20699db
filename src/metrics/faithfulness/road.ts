/** Weights of the neighbours that share an edge and of those that share a corner; together 1. */
const edge = 1 / 6;
const corner = 1 / 12;

/**
 * ROAD's noisy linear imputation (Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods",
 * ICML 2022): every removed pixel is to be the weighted mean of its neighbours, 1/6 for those beside it and 1/12 for
 * the diagonal ones; at the border the weights of the others are scaled to 1. What is left tells little of what was
 * there and looks little like a hole. The noise of the paper is left to the caller.
 *
 * The linear system is solved by successive over-relaxation from a coarse guess, until no value moves by more than
 * `tolerance`.
 *
 * @param image [H·W·3], changed in place
 * @param removed pixels to be imputed
 */
export function imputeLinear(
  image: Float32Array,
  height: number,
  width: number,
  removed: Uint32Array,
  tolerance = 1e-4,
): void {
  if (removed.length === 0) return;
  if (removed.length === height * width) {
    image.fill(0.5);
    return;
  }
  fillCoarsely(image, height, width, removed);
  const pixels = removed.slice().sort();
  const relaxation = 2 / (1 + Math.sin(Math.PI / (Math.sqrt(pixels.length) + 1)));
  for (let sweep = 0; sweep < 2000; sweep++) {
    let moved = 0;
    for (let i = 0; i < pixels.length; i++) {
      const p = pixels[i]!;
      const y = Math.trunc(p / width);
      const x = p - y * width;
      for (let channel = 0; channel < 3; channel++) {
        const at = 3 * p + channel;
        const change = relaxation * (neighbourMean(image, at, y, x, height, width) - image[at]!);
        image[at]! += change;
        if (Math.abs(change) > moved) moved = Math.abs(change);
      }
    }
    if (moved < tolerance) return;
  }
}

function neighbourMean(
  image: Float32Array,
  at: number,
  y: number,
  x: number,
  height: number,
  width: number,
): number {
  const row = 3 * width;
  if (y > 0 && x > 0 && y < height - 1 && x < width - 1) {
    return (
      edge * (image[at - row]! + image[at + row]! + image[at - 3]! + image[at + 3]!) +
      corner * (image[at - row - 3]! + image[at - row + 3]! + image[at + row - 3]! + image[at + row + 3]!)
    );
  }
  let [sum, weights] = [0, 0];
  for (let dy = -1; dy <= 1; dy++) {
    for (let dx = -1; dx <= 1; dx++) {
      const outside = y + dy < 0 || x + dx < 0 || y + dy >= height || x + dx >= width;
      if (outside || (dx === 0 && dy === 0)) continue;
      const weight = dx === 0 || dy === 0 ? edge : corner;
      sum += weight * image[at + dy * row + 3 * dx]!;
      weights += weight;
    }
  }
  return sum / weights;
}

/** A first guess: the removed pixels take the mean of the nearest ring that is known, from outside inwards. */
function fillCoarsely(image: Float32Array, height: number, width: number, removed: Uint32Array): void {
  const unknown = new Uint8Array(height * width);
  for (const p of removed) unknown[p] = 1;
  let front = Array.from(removed);
  while (front.length > 0) {
    const rest: number[] = [];
    const filled: number[] = [];
    for (const p of front) {
      const y = Math.trunc(p / width);
      const x = p - y * width;
      let count = 0;
      const sum = [0, 0, 0];
      const look = (q: number) => {
        if (unknown[q] !== 0) return;
        count++;
        for (let channel = 0; channel < 3; channel++) sum[channel]! += image[3 * q + channel]!;
      };
      if (y > 0) look(p - width);
      if (y < height - 1) look(p + width);
      if (x > 0) look(p - 1);
      if (x < width - 1) look(p + 1);
      if (count === 0) {
        rest.push(p);
        continue;
      }
      filled.push(p);
      for (let channel = 0; channel < 3; channel++) image[3 * p + channel] = sum[channel]! / count;
    }
    for (const p of filled) unknown[p] = 0;
    front = rest;
  }
}
