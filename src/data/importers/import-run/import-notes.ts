/** What was put right or left out without stopping the import: how often, and where it happened first. */
export interface ImportNote {
  what: string;
  count: number;
  /** The first places, `file:line: …`. */
  where: string[];
}

/** Takes what was put right or left out: what, and where. */
export type TellNote = (what: string, where?: string) => void;

const PLACES_KEPT = 5;

/** Collects notes, those of one kind under one head. */
export class ImportNotes {
  readonly #notes = new Map<string, ImportNote>();

  constructor(notes: readonly ImportNote[] = []) {
    this.add(notes);
  }

  readonly tell: TellNote = (what, where) =>
    this.add([{ what, count: 1, where: where === undefined ? [] : [where] }]);

  add(notes: readonly ImportNote[]): void {
    for (const { what, count, where } of notes) {
      const before = this.#notes.get(what) ?? { count: 0, where: [] };
      const places = [...before.where, ...where].slice(0, PLACES_KEPT);
      this.#notes.set(what, { what, count: before.count + count, where: places });
    }
  }

  get list(): ImportNote[] {
    return [...this.#notes.values()];
  }
}
