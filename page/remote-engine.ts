import {
  type LearnView,
  type ListedMask,
  type LookAnswers,
  type LookJob,
  type MaskView,
  type NetworkView,
  pack,
  type SavedMask,
  type ScanState,
  type ServerView,
  type Telling,
  type Thumbnail,
  type TopImage,
  unpack,
} from '../src/explore/core.ts';
import type { Engine, ShownImage } from './engine.ts';

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

  async mask(id: string): Promise<MaskView> {
    return (await packedOf(await this.#fetch(`/api/mask?id=${encodeURIComponent(id)}`))) as MaskView;
  }

  async saveMask(id: string, base: string, classes: Uint8Array, irrelevant: Uint8Array) {
    const body = pack({ id, base, classes, irrelevant });
    const response = await this.#fetch('/api/mask', { method: 'PUT', body });
    return (await response.json()) as SavedMask;
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
