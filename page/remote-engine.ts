import { type LookAnswers, type LookJob, type NetworkView, pack, unpack } from '../src/explore/core.ts';
import type { Engine, ShownImage } from './engine.ts';

/** A split of the data set. */
export interface SplitView {
  readonly name: string;
  readonly examples: number;
}

/** What the server says when the page opens. */
export interface ServerView {
  readonly network: NetworkView;
  readonly engine: string;
  readonly notes: readonly string[];
  readonly run: string | null;
  readonly data: {
    readonly name: string;
    readonly multiLabel: boolean;
    readonly splits: readonly SplitView[];
    readonly trained: readonly string[];
  } | null;
  readonly files: readonly string[];
  readonly who: string;
  readonly canDraw: boolean;
  readonly canLearn: boolean;
}

export interface Thumbnail {
  readonly id: string;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

export interface Finding {
  readonly id: string;
  readonly split: string;
  readonly class: number;
  readonly truth: boolean;
  readonly answer: boolean;
  readonly probability: number;
  readonly sureness: number;
  readonly off: number | null;
  readonly dead: boolean;
}

export interface ScanState {
  readonly done: number;
  readonly total: number;
  readonly findings: readonly Finding[];
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

export interface DrawnMask {
  readonly revision: string;
  readonly classes?: Uint8Array;
  readonly irrelevant?: Uint8Array;
  readonly by?: string;
  readonly at?: string;
}

export interface ListedMask {
  readonly id: string;
  readonly by: string;
  readonly at: string;
  readonly classes: readonly number[];
  readonly irrelevant: boolean;
}

export interface Numbers {
  readonly splits: Readonly<Record<string, { readonly mAP: number | null; readonly focus: number | null }>>;
  readonly audit: readonly {
    readonly class: string;
    readonly sentence: string;
    readonly apart: number | null;
    readonly together: number | null;
    readonly worst: number | null;
  }[];
}

export interface LearnView {
  readonly number: number;
  readonly by: string;
  readonly at: string;
  readonly epochs: number;
  readonly classes: readonly string[];
  readonly images: readonly string[];
  readonly state: 'learning' | 'auditing' | 'done' | 'failed' | 'stopped';
  readonly message: string;
  readonly update: number;
  readonly updates: number | null;
  readonly before: Numbers | null;
  readonly after: Numbers | null;
  readonly trained: boolean;
}

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

/** The server of `npm run explore`. */
export class RemoteEngine implements Engine {
  readonly view: ServerView;
  readonly #key: string;

  private constructor(key: string, view: ServerView) {
    this.#key = key;
    this.view = view;
  }

  /** @param key from the address of the page */
  static async open(key: string): Promise<RemoteEngine> {
    const response = await fetch('/api/view', { headers: { 'x-explore-key': key } });
    if (!response.ok) throw new Error(await sentenceOf(response));
    return new RemoteEngine(key, (await response.json()) as ServerView);
  }

  get network(): NetworkView {
    return this.view.network;
  }

  get description(): string {
    return this.view.engine;
  }

  get gallery(): readonly { id: string; name: string }[] {
    return this.view.files.map((name, i) => ({ id: `file:${i}`, name }));
  }

  async bring(picture: Blob, name: string): Promise<ShownImage> {
    const response = await this.#fetch(`/api/images?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      body: picture,
    });
    return (await packedOf(response)) as ShownImage;
  }

  async open(id: string): Promise<ShownImage> {
    return (await this.ask({ kind: 'image', image: id })) as ShownImage;
  }

  async look<K extends LookJob['kind']>(
    image: ShownImage,
    job: Extract<LookJob, { kind: K }>,
    { network = 0, signal }: { readonly network?: number; readonly signal?: AbortSignal } = {},
  ): Promise<LookAnswers[K]> {
    return (await this.ask({ kind: 'look', image: image.id, network, look: job }, signal)) as LookAnswers[K];
  }

  async list(split: string, from: number, count: number) {
    return (await this.ask({ kind: 'list', split, from, count })) as {
      total: number;
      examples: { id: string; name: string; labels: number[]; masks: number }[];
    };
  }

  async thumbnails(images: readonly string[], side: number): Promise<readonly Thumbnail[]> {
    const { thumbnails } = (await this.ask({ kind: 'thumbnails', images, side })) as {
      thumbnails: Thumbnail[];
    };
    return thumbnails;
  }

  async tops(layer: string, channel: number, split: string, signal: AbortSignal) {
    return (await this.ask({ kind: 'tops', layer, channel, split }, signal)) as {
      of: number;
      top: readonly TopImage[];
    };
  }

  async likeness(image: string, at: readonly [number, number]): Promise<Float32Array> {
    const { distance } = (await this.ask({ kind: 'likeness', image, at })) as { distance: Float32Array };
    return distance;
  }

  async scan(splits: readonly string[], again: boolean): Promise<ScanState> {
    return (await this.#json('/api/scan', { splits, again })) as ScanState;
  }

  async telling(): Promise<readonly Telling[]> {
    return (await (await this.#fetch('/api/audit')).json()) as Telling[];
  }

  async masks(): Promise<readonly ListedMask[]> {
    return (await (await this.#fetch('/api/masks')).json()) as ListedMask[];
  }

  async mask(id: string): Promise<DrawnMask> {
    return (await packedOf(await this.#fetch(`/api/mask?id=${encodeURIComponent(id)}`))) as DrawnMask;
  }

  async saveMask(id: string, base: string, classes: Uint8Array, irrelevant: Uint8Array) {
    const body = pack({ id, base, classes, irrelevant });
    const response = await this.#fetch('/api/mask', { method: 'PUT', body });
    return (await response.json()) as { revision: string; by: string; at: string };
  }

  async maskArchive(): Promise<Blob> {
    return (await this.#fetch('/api/masks.zip')).blob();
  }

  async learnings(): Promise<readonly LearnView[]> {
    return (await (await this.#fetch('/api/learn')).json()) as LearnView[];
  }

  async learn(epochs: number): Promise<LearnView> {
    return (await this.#json('/api/learn', { epochs })) as LearnView;
  }

  async tell(number: number, what: 'stop' | 'go-on'): Promise<readonly LearnView[]> {
    return (await this.#json(`/api/learn/${number}/${what}`, {})) as LearnView[];
  }

  async ask(job: object, signal?: AbortSignal): Promise<unknown> {
    const response = await this.#fetch('/api/ask', {
      method: 'POST',
      body: JSON.stringify(job),
      ...(signal && { signal }),
    });
    return packedOf(response);
  }

  async #json(path: string, value: object): Promise<unknown> {
    return (await this.#fetch(path, { method: 'POST', body: JSON.stringify(value) })).json();
  }

  async #fetch(path: string, options: RequestInit = {}): Promise<Response> {
    const response = await fetch(path, { ...options, headers: { 'x-explore-key': this.#key } });
    if (!response.ok) throw new Error(await sentenceOf(response));
    return response;
  }
}

async function packedOf(response: Response): Promise<unknown> {
  return unpack(new Uint8Array(await response.arrayBuffer()));
}

/** What the server says went wrong. */
async function sentenceOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { error: string }).error;
  } catch {
    return text || `The server answered ${response.status}.`;
  }
}
