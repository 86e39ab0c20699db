/** A box of a class, normalised to [0, 1] of the image. */
export interface Box {
  class: number;
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
}

/** The union of the objects of one class in one sample. */
export interface BatchMask {
  sample: number;
  class: number;
  /** [H*W], 0 or 1. */
  mask: Float32Array;
  /** Whether a segmenter drew it, not a person. */
  predicted?: boolean;
}

/** What must not matter in one sample, whatever its class. */
export interface ConfounderMask {
  sample: number;
  /** [H*W], 0 or 1. */
  mask: Float32Array;
}

/** A box of one object in one sample. */
export interface BatchBox extends Box {
  sample: number;
}

/**
 * A batch on the host, ready to become tensors. B samples of H×W pixels, C classes. Of clips, each sample has T frames of
 * H×W pixels: images are [B,T,H,W,3], masks [T·H·W].
 *
 * Labels are those of the whole image: a random crop can cut an object off, the label stays, as is usual in
 * training with random crops. The mask or box of an object that left the crop is absent.
 */
export interface HostBatch {
  /** B: the last batch of an epoch may be smaller than the others. */
  size: number;
  /** [B,H,W,3], RGB in [0, 1]. */
  images: Float32Array;
  /** [B,C], 0 or 1; shares of 1 where a composite's label is spread over classes. */
  labels: Float32Array;
  /**
   * [B,C], 0 where the label of a class is not known, else 1: what the classification loss and the measures leave
   * out. Absent where all labels are known.
   */
  labelWeights?: Float32Array;
  /** [B], the group of each sample, '' where it has none. Absent where no sample has one. */
  groups?: string[];
  masks: BatchMask[];
  boxes: BatchBox[];
  /** Absent where no sample has one. */
  confounders?: ConfounderMask[];
  /** [B], 1 where the `masks` option lets the masks and boxes of a sample supervise. */
  supervised: Uint8Array;
  /** File and record of each sample: `train-00000-of-00002.tfrecord#417`; `composite#N` of the N-th of the epoch. */
  ids: string[];
  /** Which part of its image each sample shows. */
  views: View[];
}

/** A part of an image, in shares of its width and height, and whether it is mirrored. */
export interface View {
  left: number;
  top: number;
  width: number;
  height: number;
  flip: boolean;
}
