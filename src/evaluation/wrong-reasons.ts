import type { HostBatch } from '../data/index.ts';
import {
  argMax,
  type Bootstrap,
  BootstrapMean,
  type MaskActivation,
  maskActivation,
  rasterizeBox,
  wrongReasons,
} from '../metrics/index.ts';
import type { Explainer } from './explainer.ts';
import { measuredMean, orNull } from './measured.ts';
import type { WrongReasonScores, WrongReasonsResult } from './result.ts';

/** The attribution beside the maps: RRR's input gradient, its channels added up. */
export const inputGradient = 'input-gradient';

/** An image whose confounder was looked for. */
interface Looked {
  /** In the split; of its bootstrap counts. */
  readonly position: number;
  readonly activation: MaskActivation;
}

/**
 * Measures how much of what must not matter in a split the network's attributions of its own answer light up: of the
 * confounders, where the split has any, else of all masks, which are then taken for such. The pixels of all masks are kept until the end, since the threshold is
 * that of the whole split.
 */
export class WrongReasonsMeasure {
  readonly #explainer: Explainer;
  readonly #bootstrap: Bootstrap;
  readonly #looked: ReadonlyMap<string, Looked[]>;
  #images = 0;

  readonly #hasConfounders: boolean;

  /** @param hasConfounders whether the split says itself what must not matter */
  constructor(explainer: Explainer, bootstrap: Bootstrap, hasConfounders = false) {
    this.#hasConfounders = hasConfounders;
    this.#explainer = explainer;
    this.#bootstrap = bootstrap;
    this.#looked = new Map([...explainer.options.methods, inputGradient].map((name) => [name, []]));
  }

  /**
   * @param logits [B·C]
   * @param first position of the batch in the split
   */
  async addBatch(batch: HostBatch, logits: Float32Array, first: number): Promise<void> {
    const { methods, imageSize } = this.#explainer.options;
    const pixels = imageSize[0] * imageSize[1];
    const masked = Array.from({ length: batch.size }, (_, sample) => ({
      sample,
      mask: this.#hasConfounders
        ? batch.confounders?.find((entry) => entry.sample === sample)?.mask
        : confounderOf(batch, sample, imageSize),
    })).filter(({ mask }) => mask !== undefined);
    if (masked.length === 0) return;

    const classes = logits.length / batch.size;
    const answers = Array.from({ length: batch.size }, (_, sample) => {
      return { sample, class: argMax(logits, sample * classes, classes) };
    });
    const explained = await this.#explainer.explain(batch, answers);
    const gradients = this.#explainer.inputGradients(batch.images);
    for (const { sample, mask } of masked) {
      this.#images++;
      const add = (name: string, attribution: Float32Array) => {
        const activation = maskActivation(attribution, mask!);
        if (activation) this.#looked.get(name)!.push({ position: first + sample, activation });
      };
      for (const [m, method] of methods.entries()) add(method, explained.map(m, sample));
      add(inputGradient, gradients.subarray(sample * pixels, (sample + 1) * pixels));
    }
  }

  result(): WrongReasonsResult {
    const methods = [...this.#looked].map(([name, looked]) => [name, this.#scores(looked)] as const);
    return { images: this.#images, methods: Object.fromEntries(methods) };
  }

  #scores(looked: readonly Looked[]): WrongReasonScores {
    const { threshold, shares } = wrongReasons(looked.map(({ activation }) => activation));
    const mean = new BootstrapMean(this.#bootstrap);
    shares.forEach((share, i) => {
      mean.add(share, this.#bootstrap.counts(looked[i]!.position));
    });
    return {
      wr: looked.length > 0 ? measuredMean(mean) : null,
      threshold: orNull(threshold),
      deadShare: orNull(1 - looked.length / this.#images),
    };
  }
}

/** The union of what is masked in an image, of its boxes where it has no mask; undefined where it has neither. */
function confounderOf(
  batch: HostBatch,
  sample: number,
  [height, width]: readonly [number, number],
): Float32Array | undefined {
  const masks = batch.masks.filter((entry) => entry.sample === sample);
  const boxes = batch.boxes.filter((entry) => entry.sample === sample);
  if (masks.length + boxes.length === 0) return undefined;
  const union = new Float32Array(height * width);
  for (const { mask } of masks)
    for (let i = 0; i < union.length; i++) union[i] = Math.max(union[i]!, mask[i]!);
  if (masks.length === 0) for (const box of boxes) rasterizeBox(box, height, width, union);
  return union;
}
