import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Fit,
  type PredictedMask,
  type PredictedMasksInfo,
  readPredictedMasks,
  writePredictedMasks,
} from '../../data/index.ts';
import { UsageError } from '../../errors/index.ts';

/** What a person says of an image: what matters, class by class, and what must not. */
export interface DrawnMask {
  readonly id: string;
  /** [H·W]: 0 for nothing, c + 1 where what is there makes it class c. */
  readonly classes: Uint8Array;
  /** [H·W]: 1 where what is there must not matter. */
  readonly irrelevant: Uint8Array;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  /** Stands for the content; who saves names the one that he began with. */
  readonly revision: string;
}

/** Of no mask. */
export const NO_REVISION = 'none';

/** Where the masks lie that people draw: beside the data set, one file for each form of its images. */
export function drawnMasksFile(dir: string, [height, width]: readonly [number, number], fit: Fit): string {
  return join(dir, 'masks', `drawn-${height}x${width}-${fit}.tfrecord`);
}

/**
 * The masks that people draw on the images of a data set. Each change writes the whole file anew, as predicted masks
 * are written: whole or not at all. Changes wait for one another, and each begins with what the file says then.
 */
export class DrawnMasks {
  readonly path: string;
  readonly #info: PredictedMasksInfo;
  #last: Promise<unknown> = Promise.resolve();

  /** @param classes of the data set */
  constructor(dir: string, imageSize: readonly [number, number], fit: Fit, classes: readonly string[]) {
    this.path = drawnMasksFile(dir, imageSize, fit);
    this.#info = {
      imageSize,
      fit,
      classes,
      learnedFrom: 0,
      iou: classes.map(() => null),
      segmenter: { drawn: 'by people, on the page of npm run explore' },
    };
  }

  /** All of them, by the ids of their images. */
  async all(): Promise<Map<string, DrawnMask>> {
    const found = new Map<string, DrawnMask>();
    for (const [id, mask] of await this.#read()) found.set(id, drawnOf(mask));
    return found;
  }

  async get(id: string): Promise<DrawnMask | undefined> {
    return (await this.all()).get(id);
  }

  /**
   * Saves a mask; one of nothing at all takes it away.
   *
   * @param base revision that the person began with, {@link NO_REVISION} where there was none
   * @returns the mask with its new revision; undefined where it was taken away
   * @throws {UsageError} when somebody else has changed it since, or it does not fit the images
   * @throws {DataError} when the file cannot be read or written; it is as before then
   */
  async save(
    mask: Pick<DrawnMask, 'id' | 'classes' | 'irrelevant' | 'by' | 'at'>,
    base: string,
  ): Promise<DrawnMask | undefined> {
    this.#check(mask);
    return this.#inTurn(async () => {
      const masks = await this.#read();
      const before = masks.get(mask.id);
      const revision = before ? drawnOf(before).revision : NO_REVISION;
      if (revision !== base) {
        const who = before?.drawn ? ` (${before.drawn.by}, ${before.drawn.at})` : '';
        throw new UsageError(
          `${mask.id}: its mask was changed meanwhile${who}; open the image again to see it, nothing was overwritten`,
        );
      }
      const present = [...new Set(mask.classes)].filter((value) => value > 0).sort((a, b) => a - b);
      const hasIrrelevant = mask.irrelevant.includes(1);
      if (present.length === 0 && !hasIrrelevant) masks.delete(mask.id);
      else {
        masks.set(mask.id, {
          id: mask.id,
          classes: mask.classes,
          confidence: new Map(present.map((value) => [value - 1, 1])),
          drawn: { by: mask.by, at: mask.at },
          ...(hasIrrelevant && { irrelevant: mask.irrelevant }),
        });
      }
      await writePredictedMasks(this.path, { ...this.#info, learnedFrom: masks.size }, masks.values());
      const saved = masks.get(mask.id);
      return saved && drawnOf(saved);
    });
  }

  #check({ id, classes, irrelevant }: Pick<DrawnMask, 'id' | 'classes' | 'irrelevant'>): void {
    const [height, width] = this.#info.imageSize;
    for (const grid of [classes, irrelevant]) {
      if (grid.length !== height * width) {
        throw new UsageError(`${id}: ${grid.length} values are no mask of ${width}x${height} pixels`);
      }
    }
    const highest = classes.reduce((most, value) => Math.max(most, value), 0);
    if (highest > this.#info.classes.length) {
      throw new UsageError(`${id}: value ${highest} names no class: there are ${this.#info.classes.length}`);
    }
  }

  async #read(): Promise<Map<string, PredictedMask>> {
    return existsSync(this.path) ? new Map((await readPredictedMasks(this.path)).masks) : new Map();
  }

  /** One after the other. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function drawnOf({ id, classes, irrelevant, drawn }: PredictedMask): DrawnMask {
  const none = irrelevant ?? new Uint8Array(classes.length);
  const hash = createHash('sha256').update(classes).update(none);
  return {
    id,
    classes,
    irrelevant: none,
    by: drawn?.by ?? '',
    at: drawn?.at ?? '',
    revision: hash.digest('hex').slice(0, 16),
  };
}
