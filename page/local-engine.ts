import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
// The layers of the models of this package: importing them makes them known to tfjs.
import '../src/models/layers/index.ts';
import {
  type LookAnswers,
  type Looked,
  type LookJob,
  look,
  type NetworkView,
  networkView,
} from '../src/explore/core.ts';
import type { Engine, ShownImage } from './engine.ts';

/** What `npm run explore -- --export` writes beside the model. */
interface SiteFacts extends Omit<Looked, 'model'> {
  readonly fit: 'squash' | 'crop';
  readonly images: readonly {
    readonly file: string;
    readonly name: string;
    readonly labels: readonly number[] | null;
  }[];
}

/** A network that computes in the browser of whoever visits the page. */
export class LocalEngine implements Engine {
  readonly network: NetworkView;
  readonly description: string;
  readonly #subject: Looked;
  readonly #facts: SiteFacts;
  #next = 1;
  /** One question after the other: WebGL has one thread, and a page that asks much would only wait longer. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(subject: Looked, facts: SiteFacts, backend: string) {
    this.#subject = subject;
    this.#facts = facts;
    this.network = networkView(subject);
    this.description = `computed in this browser, by ${backend}`;
  }

  static async open(): Promise<LocalEngine> {
    const response = await fetch('site.json');
    if (!response.ok) throw new Error(`site.json: the server answered ${response.status}`);
    const facts = (await response.json()) as SiteFacts;
    await startBackend();
    const model = await tfl.loadLayersModel('model/model.json');
    return new LocalEngine({ ...facts, model }, facts, tf.getBackend());
  }

  get gallery() {
    return this.#facts.images.map(({ name }, i) => ({ id: `image:${i}`, name }));
  }

  async open(id: string): Promise<ShownImage> {
    const found = this.#facts.images[Number(id.slice(6))];
    if (!found) throw new Error(`there is no image ${id}`);
    const picture = await (await fetch(found.file)).blob();
    return { ...(await this.#read(picture, found.name, id)), labels: found.labels };
  }

  async bring(picture: Blob, name: string): Promise<ShownImage> {
    return this.#read(picture, name, `brought:${this.#next++}`);
  }

  async look<K extends LookJob['kind']>(
    image: ShownImage,
    job: Extract<LookJob, { kind: K }>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<LookAnswers[K]> {
    const turn = this.#turn.then(() => {
      signal?.throwIfAborted();
      return look<K>(this.#subject, image.pixels, job, { signal });
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** At the size of the network, fitted as its data was. */
  async #read(picture: Blob, name: string, id: string): Promise<ShownImage> {
    const [height, width] = this.#facts.imageSize;
    const bitmap = await createImageBitmap(picture, {
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d')!;
    context.imageSmoothingQuality = 'high';
    const scale = Math.max(width / bitmap.width, height / bitmap.height);
    const [w, h] =
      this.#facts.fit === 'crop' ? [bitmap.width * scale, bitmap.height * scale] : [width, height];
    context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
    const { data } = context.getImageData(0, 0, width, height);
    const { channels } = this.#facts;
    const pixels = new Float32Array(height * width * channels);
    for (let p = 0; p < height * width; p++) {
      const [red, green, blue] = [data[4 * p]! / 255, data[4 * p + 1]! / 255, data[4 * p + 2]! / 255];
      if (channels === 1) pixels[p] = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      else pixels.set([red, green, blue], 3 * p);
    }
    return { id, name, pixels, labels: null, split: null, index: null, masks: [] };
  }
}

/** WebGL where it computes in float32; plain JavaScript elsewhere: a phone's half floats would show other maps. */
async function startBackend(): Promise<void> {
  try {
    if (await tf.setBackend('webgl')) {
      await tf.ready();
      if (tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) return;
    }
  } catch {
    // No WebGL here.
  }
  await tf.setBackend('cpu');
  await tf.ready();
}
