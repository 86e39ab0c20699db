import type { Picture, Region } from './picture.ts';

/** A finished composite: its picture, what it says of each class, and where the objects are. */
export interface Composite {
  readonly picture: Picture;
  /** [C], 0 or 1; shares of 1 where the label is spread over the classes. */
  readonly labels: Float32Array;
  /** [C], 0 where nothing is known of the class. */
  readonly labelWeights: Float32Array;
  /** Of each class whose objects are known; the others are absent. */
  readonly regions: ReadonlyMap<number, Region>;
}

/** Composites in memory that all threads share. Made by {@link createCompositeStore}. */
export interface CompositeStore {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly classes: number;
  /** 1 where a composite is complete. */
  readonly ready: SharedArrayBuffer;
  readonly pixels: SharedArrayBuffer;
  /** Labels, their weights, and whether there is a region: [3, C] each. */
  readonly labels: SharedArrayBuffer;
  readonly regions: SharedArrayBuffer;
}

/** Room for `count` composites: H·W·(3 + C/8) bytes each. */
export function createCompositeStore(
  count: number,
  width: number,
  height: number,
  classes: number,
): CompositeStore {
  const pixels = width * height;
  return {
    count,
    width,
    height,
    classes,
    ready: new SharedArrayBuffer(count * 4),
    pixels: new SharedArrayBuffer(count * pixels * 3),
    labels: new SharedArrayBuffer(count * classes * 3 * 4),
    regions: new SharedArrayBuffer(count * classes * Math.ceil(pixels / 8)),
  };
}

/**
 * A composite by its number, made where it is not there yet.
 *
 * Two threads that make the same one at once write the same bytes twice. Colours are kept as bytes, and rounded so
 * before the first use too, so that the first and the later uses are the same.
 */
export async function storedComposite(
  store: CompositeStore,
  index: number,
  make: () => Promise<Composite>,
): Promise<Composite> {
  const ready = new Int32Array(store.ready);
  if (Atomics.load(ready, index) === 0) {
    write(store, index, await make());
    Atomics.store(ready, index, 1);
  }
  return read(store, index);
}

function write(
  store: CompositeStore,
  index: number,
  { picture, labels, labelWeights, regions }: Composite,
): void {
  const { classes, width, height } = store;
  const pixels = new Uint8Array(store.pixels, index * width * height * 3, width * height * 3);
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.round(picture.data[i]! * 255);
  const known = new Float32Array(store.labels, index * classes * 3 * 4, classes * 3);
  known.set(labels);
  known.set(labelWeights, classes);
  const bytes = Math.ceil((width * height) / 8);
  for (let c = 0; c < classes; c++) {
    const region = regions.get(c);
    known[2 * classes + c] = Number(region !== undefined);
    if (!region) continue;
    const bits = new Uint8Array(store.regions, (index * classes + c) * bytes, bytes);
    const packed = new Uint8Array(bytes);
    for (let p = 0; p < region.length; p++) packed[p >> 3]! |= region[p]! << (p & 7);
    bits.set(packed);
  }
}

function read(store: CompositeStore, index: number): Composite {
  const { classes, width, height } = store;
  const bytes = new Uint8Array(store.pixels, index * width * height * 3, width * height * 3);
  const data = new Float32Array(bytes.length);
  for (let i = 0; i < data.length; i++) data[i] = bytes[i]! / 255;
  const known = new Float32Array(store.labels, index * classes * 3 * 4, classes * 3);
  const regions = new Map<number, Region>();
  const packed = Math.ceil((width * height) / 8);
  for (let c = 0; c < classes; c++) {
    if (known[2 * classes + c] === 0) continue;
    const bits = new Uint8Array(store.regions, (index * classes + c) * packed, packed);
    const region = new Uint8Array(width * height);
    for (let p = 0; p < region.length; p++) region[p] = (bits[p >> 3]! >> (p & 7)) & 1;
    regions.set(c, region);
  }
  return {
    picture: { data, width, height },
    labels: known.slice(0, classes),
    labelWeights: known.slice(classes, 2 * classes),
    regions,
  };
}
