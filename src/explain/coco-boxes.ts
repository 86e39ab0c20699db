import type { MapBox } from './boxes.ts';
import { boxInFile } from './boxes.ts';
import type { NamedImage } from './images.ts';

/** The boxes of one method as a COCO file, for tools that read detections. */
export class CocoBoxes {
  readonly #method: string;
  readonly #threshold: number;
  readonly #classes: readonly string[];
  readonly #images: object[] = [];
  readonly #annotations: object[] = [];
  readonly #ids = new Map<string, number>();

  constructor(method: string, threshold: number, classes: readonly string[]) {
    this.#method = method;
    this.#threshold = threshold;
    this.#classes = classes;
  }

  /** @param score probability of the class */
  add(image: NamedImage, index: number, score: number, boxes: readonly MapBox[]): void {
    const id = this.#idOf(image);
    for (const box of boxes) {
      const bbox = boxInFile(box, image);
      if (!bbox) continue;
      const { width, height } = image.view!.window;
      this.#annotations.push({
        id: this.#annotations.length + 1,
        image_id: id,
        category_id: index + 1,
        bbox,
        area: Math.round(box.area * width * height),
        iscrowd: 0,
        segmentation: [],
        score,
        strength: Number(box.strength.toFixed(4)),
      });
    }
  }

  #idOf({ name, file, view }: NamedImage): number {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#ids.size + 1;
    this.#ids.set(name, id);
    this.#images.push({ id, file_name: file, width: view?.width ?? null, height: view?.height ?? null });
    return id;
  }

  /** The file: https://cocodataset.org/#format-data, with a score for each box. */
  toJSON(): object {
    return {
      info: { description: `boxes of {M >= ${this.#threshold} max M}, ${this.#method}` },
      images: this.#images,
      annotations: this.#annotations,
      categories: this.#classes.map((name, index) => ({ id: index + 1, name })),
    };
  }
}
