import { basename, join } from 'node:path';
import sharp from 'sharp';
import { fileStem, fileStems, makeFolder, writeWhole, writing } from '../files/index.ts';
import type { PixelBox } from '../metrics/index.ts';
import { npy } from '../pictures/index.ts';

/** Bits of a PNG map: 65535 is the maximum of the map. */
const full = 65535;

export interface MapFilesOptions {
  readonly format: 'png' | 'npy';
  readonly methods: readonly string[];
  readonly classes: readonly string[];
  /** [H,W] */
  readonly imageSize: readonly [number, number];
  /** T, of clips: `.npy` is [T,H,W], a PNG has the frames one below the other, and there are no boxes. */
  readonly frames?: number | undefined;
  readonly split: string;
}

interface Prediction {
  readonly image_id: number;
  readonly category_id: number;
  readonly bbox: readonly [number, number, number, number];
  readonly score: number;
}

/**
 * Writes maps and predicted boxes for other tools.
 *
 * `METHOD/IMAGE.CLASS.png` (IMAGE `test-00000-of-00001.tfrecord-17` of the record `test-00000-of-00001.tfrecord#17`; 16 bits, 65535 at the map's maximum, zero stays zero) or `.npy` (float32 [H,W], as the
 * method gives it). `SPLIT.METHOD.boxes.json` is a COCO result file: [x, y, width, height] in pixels of the evaluated
 * image, category the class plus 1, score its probability. `SPLIT.images.json` is the COCO data set to go with it:
 * images with their numbers and record names, categories, and the true boxes as annotations.
 */
export class MapFiles {
  readonly #dir: string;
  readonly #options: MapFilesOptions;
  readonly #predictions: Prediction[][];
  /** Of the classes. */
  readonly #stems: readonly string[];
  readonly #images: object[] = [];
  readonly #annotations: object[] = [];

  constructor(dir: string, options: MapFilesOptions) {
    this.#dir = dir;
    this.#options = options;
    this.#stems = fileStems(options.classes);
    this.#predictions = options.methods.map(() => []);
  }

  async begin(): Promise<void> {
    for (const method of this.#options.methods) {
      const folder = join(this.#dir, method);
      await writing(folder, () => makeFolder(folder));
    }
  }

  image(index: number, id: string): void {
    const [height, width] = this.#options.imageSize;
    this.#images.push({ id: index + 1, file_name: id, height, width });
  }

  truth(image: number, index: number, boxes: readonly PixelBox[]): void {
    for (const box of boxes) {
      const bbox = cocoBox(box);
      this.#annotations.push({
        id: this.#annotations.length + 1,
        image_id: image + 1,
        category_id: index + 1,
        bbox,
        area: bbox[2] * bbox[3],
        iscrowd: 0,
      });
    }
  }

  /** @param map [H·W], of clips [T·H·W] */
  async map(
    method: number,
    image: { index: number; id: string; class: number; score: number },
    map: Float32Array,
    box: PixelBox | undefined,
  ): Promise<void> {
    const { format, imageSize, frames, methods } = this.#options;
    const [height, width] = imageSize;
    if (box) {
      this.#predictions[method]!.push({
        image_id: image.index + 1,
        category_id: image.class + 1,
        bbox: cocoBox(box),
        score: Math.round(image.score * 1e6) / 1e6,
      });
    }
    const name = `${fileStem(basename(image.id))}.${this.#stems[image.class]!}.${format}`;
    const content =
      format === 'png'
        ? await png16(map, [(frames ?? 1) * height, width])
        : npy(map, frames ? [frames, height, width] : imageSize);
    await writeWhole(join(this.#dir, methods[method]!, name), content, { durable: false });
  }

  async finish(): Promise<void> {
    const { methods, classes, split, frames } = this.#options;
    if (frames !== undefined) return;
    const categories = classes.map((name, c) => ({ id: c + 1, name }));
    const dataset = { images: this.#images, categories, annotations: this.#annotations };
    await this.#json(`${split}.images.json`, dataset);
    for (const [m, method] of methods.entries()) {
      await this.#json(`${split}.${method}.boxes.json`, this.#predictions[m]!);
    }
  }

  async #json(name: string, value: unknown): Promise<void> {
    await writeWhole(join(this.#dir, name), `${JSON.stringify(value)}\n`);
  }
}

/** [x, y, width, height]; the right and lower pixel belong to it. */
function cocoBox([x0, y0, x1, y1]: PixelBox): [number, number, number, number] {
  return [x0, y0, x1 - x0 + 1, y1 - y0 + 1];
}

/** A map as a 16-bit grey PNG, 65535 at its maximum; negative values are 0. */
export async function png16(
  map: Float32Array,
  [height, width]: readonly [number, number],
): Promise<Uint8Array> {
  let peak = 0;
  for (let i = 0; i < map.length; i++) peak = Math.max(peak, map[i]!);
  const scale = peak > 0 ? full / peak : 0;
  const values = Uint16Array.from(map, (value) => Math.round(Math.max(0, value) * scale));
  return sharp(values, { raw: { width, height, channels: 1 } })
    .toColourspace('grey16')
    .png()
    .toBuffer();
}
