/** What switching on the centre of a 3×3 neighbourhood adds to twice the area of its region, by the 8 bits around it. */
export const areaGain = new Int8Array(256);
/** The same for a pixel of the background, as the level rises. */
export const holeGain = new Int8Array(256);
/** The bits with which the runs of the ring begin: neighbours that are not joined to the one before. */
export const runStarts = new Uint8Array(256);

for (let around = 0; around < 256; around++) {
  const bit = (i: number) => (around >> (i % 8)) & 1;
  // The four 2×2 windows that hold the centre: a corner of the ring and the two beside it.
  for (const corner of [0, 2, 4, 6]) {
    const others = bit(corner + 7) + bit(corner) + bit(corner + 1);
    // 3 of a component are half a window, 4 the whole. Of the background, 1 is half and 2 adjacent are the whole.
    areaGain[around]! += others >= 2 ? 1 : 0;
    holeGain[around]! += others <= 1 ? 1 : 0;
  }
  for (let i = 0; i < 8; i++) if (bit(i) && !bit(i + 7)) runStarts[around]! |= 1 << i;
  if (around === 255) runStarts[around] = 1;
}
