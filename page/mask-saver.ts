import { type Marks, sameMarks } from './mask-editing.ts';
import type { RemoteEngine } from './remote-engine.ts';

/** What has become of the mask of an image. */
export interface SavedMask {
  readonly marks: Marks;
  readonly revision: string;
  readonly by?: string | undefined;
  readonly at?: string | undefined;
}

/**
 * Saves masks at once, one after the other, whichever image is at hand by then: of several changes of one image the last
 * counts.
 */
export class MaskSaver {
  readonly #engine: Pick<RemoteEngine, 'saveMask'>;
  readonly #onChange: () => void;
  readonly #saved = new Map<string, SavedMask>();
  readonly #wanted = new Map<string, Marks>();
  readonly #errors = new Map<string, string>();
  #busy = false;

  /** @param onChange told whenever what it says may be otherwise */
  constructor(engine: Pick<RemoteEngine, 'saveMask'>, onChange: () => void) {
    this.#engine = engine;
    this.#onChange = onChange;
  }

  /** Whether something has not been saved yet. */
  get busy(): boolean {
    return this.#busy || this.#wanted.size > 0;
  }

  saved(id: string): SavedMask | undefined {
    return this.#saved.get(id);
  }

  /** What kept the mask of an image from being saved. */
  error(id: string): string | undefined {
    return this.#errors.get(id);
  }

  /** The mask as the server has it. */
  begin(id: string, saved: SavedMask): void {
    this.#errors.delete(id);
    this.#wanted.delete(id);
    this.#saved.set(id, saved);
    this.#onChange();
  }

  put(id: string, marks: Marks): void {
    this.#wanted.set(id, marks);
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    this.#onChange();
    for (;;) {
      const [next] = this.#wanted;
      if (!next) break;
      const [id, marks] = next;
      this.#wanted.delete(id);
      const before = this.#saved.get(id);
      if (!before || sameMarks(before.marks, marks)) continue;
      try {
        const answer = await this.#engine.saveMask(id, before.revision, marks.classes, marks.irrelevant);
        this.#saved.set(id, { marks, ...answer });
        this.#errors.delete(id);
      } catch (problem) {
        this.#errors.set(id, (problem as Error).message);
      }
      this.#onChange();
    }
    this.#busy = false;
    this.#onChange();
  }
}
