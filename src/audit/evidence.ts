import * as tf from '@tensorflow/tfjs-core';
import { downsampleArea } from '../autodiff/index.ts';
import type { Region } from '../data/index.ts';
import { ModelError } from '../errors/index.ts';
import { classActivationMaps } from '../gradcam/index.ts';
import type { Scorer } from './scorer.ts';

/** Evidence for a class by place and sign, in logits, mean over images. */
export interface EvidenceBySign {
  readonly images: number;
  readonly onFor: number;
  readonly onAgainst: number;
  readonly offFor: number;
  readonly offAgainst: number;
}

export interface Evidence {
  /** How it was measured: exactly, from class activation maps; or by what masking changes. */
  readonly method: 'class-activation-maps' | 'masking';
  /** Of images that show the class. */
  readonly present: EvidenceBySign | null;
  /** Of images that do not: all of it is off the object. */
  readonly absent: EvidenceBySign | null;
  /** Share of the absolute evidence that lies off the object, over the images that show the class. */
  readonly offShare: number;
}

/** An image with what is known of it. */
export interface AuditedImage {
  readonly id: string;
  /** [H·W·3]. */
  readonly pixels: Float32Array;
  readonly labels: readonly number[];
  readonly regions: ReadonlyMap<number, Region>;
}

/**
 * Where the evidence for a class lies, of either sign, for images that show it and for images that do not.
 *
 * For a head of global average pooling and one dense layer it is exact: the logit is the bias plus the mean of the
 * signed class activation map (Zhou et al. 2016, Eq 2), split by whether a cell touches the object. For other heads
 * the evidence on the object is what the logit loses when the object is greyed, and off the object what it loses when
 * the rest is.
 *
 * @param images those that show the class need its region; without it they are left out
 */
export function evidenceOf(
  scorer: Scorer,
  images: readonly AuditedImage[],
  c: number,
  targetLayer: string,
): Evidence {
  const present = images.filter(({ labels, regions }) => labels.includes(c) && regions.has(c));
  const absent = images.filter(({ labels }) => !labels.includes(c));
  try {
    return gathered('class-activation-maps', (some) => byMaps(scorer, some, c, targetLayer));
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return gathered('masking', (some) => byMasking(scorer, some, c));
  }

  function gathered(
    method: Evidence['method'],
    measure: (some: readonly AuditedImage[]) => EvidenceBySign[],
  ): Evidence {
    const ofPresent = means(measure(present));
    const { onFor = 0, onAgainst = 0, offFor = 0, offAgainst = 0 } = ofPresent ?? {};
    const off = offFor - offAgainst;
    return {
      method,
      present: ofPresent,
      absent: means(measure(absent)),
      offShare: off / (off + onFor - onAgainst),
    };
  }
}

function means(each: readonly EvidenceBySign[]): EvidenceBySign | null {
  if (each.length === 0) return null;
  const mean = (key: keyof EvidenceBySign) => each.reduce((sum, one) => sum + one[key], 0) / each.length;
  return {
    images: each.length,
    onFor: mean('onFor'),
    onAgainst: mean('onAgainst'),
    offFor: mean('offFor'),
    offAgainst: mean('offAgainst'),
  };
}

const batchSize = 50;

function byMaps(
  scorer: Scorer,
  images: readonly AuditedImage[],
  c: number,
  targetLayer: string,
): EvidenceBySign[] {
  const [height, width] = scorer.imageSize;
  const found: EvidenceBySign[] = [];
  for (let first = 0; first < images.length; first += batchSize) {
    const some = images.slice(first, first + batchSize);
    const [ofClass, parts] = tf.tidy(() => {
      const batch = tf.stack(
        some.map(({ pixels }) => tf.tensor3d(pixels, [height, width, 3])),
      ) as tf.Tensor4D;
      const maps = classActivationMaps(scorer.model, batch, { targetLayer });
      const [n, h, w, classes] = maps.shape;
      const ofClass = tf.slice(maps, [0, 0, 0, c], [n, h, w, Math.min(1, classes)]);
      const masks = new Float32Array(n * height * width);
      some.forEach(({ regions }, i) => {
        const region = regions.get(c);
        if (region) masks.set(region, i * height * width);
      });
      const parts = downsampleArea(tf.tensor3d(masks, [n, height, width]), [h, w]);
      return [ofClass, parts];
    });
    const [values, touched, cells] = [
      ofClass.dataSync(),
      parts.dataSync(),
      parts.shape[1]! * parts.shape[2]!,
    ];
    tf.dispose([ofClass, parts]);
    some.forEach((_, i) => {
      const sums = { images: 1, onFor: 0, onAgainst: 0, offFor: 0, offAgainst: 0 };
      for (let p = i * cells; p < (i + 1) * cells; p++) {
        const value = values[p]! / cells;
        if (touched[p]! > 1e-6) sums[value > 0 ? 'onFor' : 'onAgainst'] += value;
        else sums[value > 0 ? 'offFor' : 'offAgainst'] += value;
      }
      found.push(sums);
    });
  }
  return found;
}

function byMasking(scorer: Scorer, images: readonly AuditedImage[], c: number): EvidenceBySign[] {
  const pictures = images.flatMap(({ pixels, regions }) => {
    const region = regions.get(c);
    return [pixels, greyed(pixels, (p) => region?.[p] === 1), greyed(pixels, (p) => region?.[p] !== 1)];
  });
  const rows = scorer.logits(pictures);
  return images.map((_, i) => {
    const [whole, without, alone] = [rows[3 * i]![c]!, rows[3 * i + 1]![c]!, rows[3 * i + 2]![c]!];
    const [on, off] = [whole - without, whole - alone];
    return {
      images: 1,
      onFor: Math.max(0, on),
      onAgainst: Math.min(0, on),
      offFor: Math.max(0, off),
      offAgainst: Math.min(0, off),
    };
  });
}

/** The picture with some pixels replaced by its mean colour. */
export function greyed(pixels: Float32Array, which: (pixel: number) => boolean): Float32Array {
  const count = pixels.length / 3;
  const mean = [0, 0, 0];
  for (let p = 0; p < pixels.length; p++) mean[p % 3]! += pixels[p]! / count;
  const out = Float32Array.from(pixels);
  for (let p = 0; p < count; p++) {
    if (which(p)) for (let k = 0; k < 3; k++) out[p * 3 + k] = mean[k]!;
  }
  return out;
}
