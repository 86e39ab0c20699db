import {
  bestIou,
  boxAt,
  byteMap,
  ContourSweep,
  centreMap,
  type IouByLevel,
  iouByLevel,
  levelCount,
  type PixelBox,
} from '../metrics/index.ts';
import type { Truth } from './truth.ts';

/** The map of the `centre` baseline, and its one box at each level. */
export class CentreBoxes {
  readonly map: Float32Array;
  readonly normalized: Float32Array;
  readonly boxes: PixelBox[] = [];
  readonly #byLevel: IouByLevel;

  /** @param frames T, of clips: the same Gaussian in every frame, and no boxes */
  constructor(height: number, width: number, frames?: number) {
    const still = centreMap(height, width);
    this.map = Float32Array.from(
      { length: (frames ?? 1) * still.length },
      (_, i) => still[i % still.length]!,
    );
    this.normalized = normalizeMap(this.map, new Float32Array(this.map.length));
    const values = new Float32Array(levelCount);
    // One contour: the largest and any are the same.
    this.#byLevel = { largest: values, any: values };
    if (frames !== undefined) return;
    new ContourSweep(height, width).sweep(byteMap(this.map), (level, boxes) => {
      this.boxes[level] = boxAt(boxes, 0);
    });
  }

  iou(truth: Truth): IouByLevel {
    for (const [level, box] of this.boxes.entries()) this.#byLevel.largest[level] = bestIou(box, truth.boxes);
    return this.#byLevel;
  }
}

/** Boxes and normalised values of maps; what it returns is overwritten by the next map. */
export class MapReader {
  readonly #sweep: ContourSweep | undefined;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #normalized: Float32Array;
  readonly #byLevel: IouByLevel = {
    largest: new Float32Array(levelCount),
    any: new Float32Array(levelCount),
  };

  /** @param boxes whether there are any to be read: false of clips */
  constructor(height: number, width: number, boxes = true) {
    this.#sweep = boxes ? new ContourSweep(height, width) : undefined;
    this.#bytes = new Uint8Array(height * width);
    this.#normalized = new Float32Array(height * width);
  }

  measure(map: Float32Array, truth: Truth | undefined, level: number) {
    const normalized = normalizeMap(map, this.#normalized);
    if (!this.#sweep) return { byLevel: undefined, box: undefined, iou: 0, anyIou: 0, normalized };
    const byLevel = this.#byLevel;
    const bytes = byteMap(map, this.#bytes);
    const box = iouByLevel(this.#sweep, bytes, truth?.boxes ?? [], byLevel, level);
    return {
      byLevel,
      box,
      iou: byLevel.largest[level] ?? 0,
      anyIou: byLevel.any[level] ?? 0,
      normalized,
    };
  }
}

/** Min-max; zeros for a map of one value. */
function normalizeMap(map: Float32Array, out: Float32Array): Float32Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < map.length; i++) {
    if (!(map[i]! >= low)) low = map[i]!;
    if (!(map[i]! <= high)) high = map[i]!;
  }
  const range = high - low;
  if (!(range > 0 && Number.isFinite(range))) return out.fill(0);
  for (let i = 0; i < map.length; i++) out[i] = (map[i]! - low) / range;
  return out;
}
