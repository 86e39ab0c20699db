/**
 * A region as COCO has it: uncompressed runs, column by column, with area and bounding box.
 *
 * @param region [H·W], not 0 inside
 */
export function cocoShape(region: Uint8Array, width: number, height: number) {
  const counts: number[] = [];
  let [last, run, area, left, top, right, bottom] = [0, 0, 0, width, height, 0, 0];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const value = region[y * width + x]!;
      if (value !== last) {
        counts.push(run);
        [run, last] = [0, value];
      }
      run++;
      if (!value) continue;
      area++;
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    }
  }
  counts.push(run);
  return {
    segmentation: { size: [height, width], counts },
    area,
    bbox: [left, top, right - left, bottom - top],
  };
}
