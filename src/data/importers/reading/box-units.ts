import { DataError } from '../../../errors/index.ts';
import type { Sides } from './annotated-frame.ts';

/**
 * Holds the boxes of a whole file against the unit that they are said to be in. A single box may be odd; when none of
 * many reaches beyond 1, they are parts of the image and no pixels.
 */
export class BoxUnits {
  #boxes = 0;
  #beyond = 0;
  #first = '';

  /** @param where the box, for the message */
  add({ xmin, ymin, xmax, ymax }: Sides, where: string): void {
    this.#boxes++;
    if (this.#first === '') this.#first = where;
    if (Math.max(xmin, ymin, xmax, ymax) > 1) this.#beyond++;
  }

  /**
   * @param remedy what to do about it
   * @throws {DataError} when boxes in pixels are all within 0 to 1
   */
  checkPixels(remedy: string): void {
    if (this.#boxes === 0 || this.#beyond > 0) return;
    const all = this.#boxes === 1 ? 'the only box lies' : `all ${this.#boxes} boxes lie`;
    throw new DataError(
      `${this.#first}: ${all} between 0 and 1, so they are parts of the image and no pixels; ${remedy}`,
    );
  }

  /** @throws {DataError} when most boxes in parts of the image reach beyond 1 */
  checkParts(remedy: string): void {
    if (this.#boxes === 0 || this.#beyond * 2 < this.#boxes) return;
    throw new DataError(
      `${this.#first}: ${this.#beyond} of ${this.#boxes} boxes reach beyond 1, so they are pixels and no parts of the image; ${remedy}`,
    );
  }
}
