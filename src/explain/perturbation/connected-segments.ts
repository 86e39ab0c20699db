/** A piece is too small below half the mean superpixel, and ends at three times it. */
const smallest = 0.5;
const largest = 3;

/**
 * Gives every connected piece of a label a label of its own; a piece that is too small joins the piece beside it that
 * was found before it (SLIC, section 3.2).
 *
 * @param labels [H·W]
 * @param meanSize mean number of pixels of a superpixel
 * @returns [H·W], labels 0 … n − 1 in the order of their first pixels
 */
export function joinSmallSegments(
  labels: Int32Array,
  height: number,
  width: number,
  meanSize: number,
): Int32Array {
  const [least, most] = [Math.trunc(smallest * meanSize), Math.trunc(largest * meanSize)];
  const joined = new Int32Array(labels.length).fill(-1);
  const piece = new Int32Array(labels.length);
  let next = 0;
  for (let seed = 0; seed < labels.length; seed++) {
    if (joined[seed] !== -1) continue;
    let beside = 0;
    let size = 1;
    piece[0] = seed;
    joined[seed] = next;
    for (let visited = 0; visited < size && size < most; visited++) {
      const at = piece[visited]!;
      const [y, x] = [Math.trunc(at / width), at % width];
      const look = (neighbour: number) => {
        if (size >= most) return;
        if (joined[neighbour] === -1) {
          if (labels[neighbour] !== labels[seed]) return;
          joined[neighbour] = next;
          piece[size++] = neighbour;
        } else if (joined[neighbour] !== next) {
          beside = joined[neighbour]!;
        }
      };
      if (x + 1 < width) look(at + 1);
      if (x > 0) look(at - 1);
      if (y + 1 < height) look(at + width);
      if (y > 0) look(at - width);
    }
    if (size < least) {
      for (let i = 0; i < size; i++) joined[piece[i]!] = beside;
    } else {
      next++;
    }
  }
  return joined;
}
