// What goes between the page and its server, in types alone: both sides read them here.

import type { NetworkView } from './look/index.ts';

/** A split of the data set. */
export interface SplitView {
  readonly name: string;
  readonly examples: number;
}

/** What the session knows that a page may know as well. */
export interface OpenedView {
  readonly network: NetworkView;
  readonly engine: string;
  /** What had to be assumed. */
  readonly notes: readonly string[];
  /** Name of the run; null for a network from elsewhere. */
  readonly run: string | null;
  readonly data: {
    readonly name: string;
    readonly multiLabel: boolean;
    readonly splits: readonly SplitView[];
    /** The splits that the run was trained on. */
    readonly trained: readonly string[];
  } | null;
  /** Image files of the folder. */
  readonly files: readonly string[];
}

/** What the server says when the page opens. */
export interface ServerView extends OpenedView {
  /** Whoever sits before the page. */
  readonly who: string;
  readonly canDraw: boolean;
  readonly canLearn: boolean;
}

/** A small picture: [height · width · 3] bytes. */
export interface Thumbnail {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** What an image and a class say of a network: one line of the room "Find". */
export interface Finding {
  readonly id: string;
  readonly split: string;
  readonly class: number;
  /** Whether the class is in the image, and whether the network says so. */
  readonly truth: boolean;
  readonly answer: boolean;
  readonly probability: number;
  /** How sure it is: 0 at the border of the answer, 1 at its end. */
  readonly sureness: number;
  /** Share of the evidence outside the object; null without a mask, or for a map without evidence. */
  readonly off: number | null;
  readonly dead: boolean;
}

/** How far a look through splits is, and what was found. */
export interface ScanState {
  readonly done: number;
  readonly total: number;
  readonly findings: readonly Finding[];
  /** The sentence of what ended it too early. */
  readonly error: string | null;
}

/** An image whose answer the object does not decide, as the audit of the run found it. */
export interface Telling {
  readonly id: string;
  readonly class: string;
  readonly change: string;
  readonly before: number;
  readonly after: number;
}

/** What is known of an image's drawn mask; of one without, the revision alone. */
export interface MaskView {
  readonly revision: string;
  /** [H·W]: 0 for nothing, c + 1 where what is there makes it class c. */
  readonly classes?: Uint8Array;
  /** [H·W]: 1 where what is there must not matter. */
  readonly irrelevant?: Uint8Array;
  readonly by?: string;
  /** ISO 8601. */
  readonly at?: string;
}

/** An image that somebody has marked. */
export interface ListedMask {
  readonly id: string;
  readonly by: string;
  readonly at: string;
  readonly revision: string;
  readonly classes: readonly number[];
  readonly irrelevant: boolean;
}

/** A mask that was saved. */
export type SavedMask = Pick<ListedMask, 'revision' | 'by' | 'at'>;

/** What numbers say of a network: per cent of right answers of the focus class on each test split, and the audit. */
export interface Numbers {
  readonly splits: Readonly<Record<string, { readonly mAP: number | null; readonly focus: number | null }>>;
  /** By class: the sentence of the audit, and how often it is right where object and ground come apart. */
  readonly audit: readonly {
    readonly class: string;
    readonly sentence: string;
    readonly apart: number | null;
    readonly together: number | null;
    readonly worst: number | null;
  }[];
}

export type LearnStage = 'learning' | 'auditing' | 'done' | 'failed';

/** A learning as the page shows it. */
export interface LearnView {
  readonly number: number;
  readonly by: string;
  readonly at: string;
  readonly epochs: number;
  readonly classes: readonly string[];
  readonly images: readonly string[];
  /** `stopped`: its process is gone before it was done. */
  readonly state: LearnStage | 'stopped';
  readonly message: string;
  readonly update: number;
  readonly updates: number | null;
  readonly before: Numbers | null;
  readonly after: Numbers | null;
  /** Whether its network can be looked at. */
  readonly trained: boolean;
}

/** An image that excites a unit, with what of it does. */
export interface TopImage {
  readonly id: string;
  readonly value: number;
  readonly position: readonly [number, number];
  readonly pixels: Float32Array;
  readonly projection: Float32Array;
  readonly window: {
    readonly top: number;
    readonly left: number;
    readonly height: number;
    readonly width: number;
  };
}
