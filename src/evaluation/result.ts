import type { PixelBox, ReliabilityBin } from '../metrics/index.ts';

/**
 * The files that an evaluation writes; docs/evaluation.md describes them for readers in other languages.
 *
 * `SPLIT.json` is an {@link EvaluationResult}: every number of the split. `SPLIT.images.ndjson` holds an
 * {@link ImageRecord} per line, in the order of the split, so that a split of any size can be written and read as a
 * stream. What could not be measured is `null`, never NaN: JSON has none.
 *
 * A reader checks `format` and `version`. Within a version fields are only added.
 */
export const evaluationFormat = 'tfjs-gain-evaluation';
export const evaluationVersion = 1;

/** A number over the images of the split, with its bootstrap interval. */
export interface Measured {
  readonly value: number;
  /** Ends of the interval (`settings.bootstrap.confidence`); null without bootstrap. */
  readonly low: number | null;
  readonly high: number | null;
  /** How many things the number is a mean or pool of: pairs, or images. */
  readonly count: number;
}

export type MaybeMeasured = Measured | null;

export interface EvaluationResult {
  readonly format: typeof evaluationFormat;
  readonly version: typeof evaluationVersion;
  /** ISO date and time. */
  readonly finished: string;
  readonly split: string;
  readonly dataset: {
    readonly name: string;
    /** Folder of the data set. */
    readonly dir: string;
    readonly classes: readonly string[];
    readonly multiLabel: boolean;
    /** Images that were evaluated. */
    readonly images: number;
    /** (image, true class) pairs: the things that have a map. */
    readonly pairs: number;
    /** Pairs of them with at least one box or mask, on which localization is measured. */
    readonly pairsWithTruth: number;
    readonly boxes: number;
    readonly masks: number;
  };
  readonly model: {
    /** Run directory; null for a model folder. */
    readonly run: string | null;
    /** Folder of the layers-model. */
    readonly path: string;
    readonly name: string;
    readonly parameters: number;
    /** Of one image; see docs/evaluation.md for what is counted. Absent in files of before. */
    readonly multiplyAdds?: number;
    /** The layer that is explained, and why it was taken. */
    readonly targetLayer: string;
    readonly targetLayerReason: string;
    /** Extent [h, w] of the maps before they are resized to the image, of clips [t, h, w]; of the first method. */
    readonly mapSize: readonly number[];
    /** The same of each method. Absent in files of before. */
    readonly mapSizes?: Readonly<Record<string, readonly number[]>>;
  };
  readonly settings: EvaluationSettings;
  /** The run's resolved config, as in its `config.yaml`; null for a model folder. */
  readonly config: unknown;
  /** Versions, engine, device, command line: as `environment.json` of a run. */
  readonly environment: unknown;
  readonly classification: ClassificationScores;
  /** null where it was not asked for. */
  readonly localization: LocalizationResult | null;
  readonly faithfulness: FaithfulnessResult | null;
  readonly sanity: SanityResult | null;
  /** null where it was not asked for; absent in files of before. */
  readonly wrongReasons?: WrongReasonsResult | null;
  /** null without a teacher; absent in files of before. */
  readonly teacher?: TeacherResult | null;
  /** File name of the image records, beside this file. */
  readonly imageRecords: string;
  readonly timing: {
    readonly seconds: number;
    readonly imagesPerSecond: number;
    /** Seconds in decoding and waiting for data, in the network and its maps, and in the measures on the host. */
    readonly parts: { readonly data: number; readonly maps: number; readonly measures: number };
  };
}

export interface EvaluationSettings {
  readonly methods: readonly string[];
  readonly measures: readonly ('localization' | 'faithfulness' | 'sanity' | 'wrong-reasons')[];
  /** [H,W] in pixels: where maps and boxes are compared. */
  readonly imageSize: readonly [number, number];
  /** T, of clips; absent for images. */
  readonly frames?: number;
  readonly link: 'sigmoid' | 'softmax';
  /** IoU levels of BoxAccV2, in the order of every `perIou` list. */
  readonly iouLevels: readonly number[];
  /** Of the pointing game, in pixels of the evaluated image. */
  readonly tolerance: number;
  readonly bootstrap: { readonly replicates: number; readonly confidence: number; readonly seed: number };
  readonly limit: number | null;
}

export interface ClassificationScores {
  readonly loss: number;
  readonly mAP: number | null;
  /** Single-label: top-1. Multi-label: share of right decisions over images and classes. */
  readonly accuracy: Measured;
  readonly exactMatch: Measured;
  /** Share of pairs whose class is among the 1 (5) highest scores of its image. */
  readonly top1: MaybeMeasured;
  readonly top5: MaybeMeasured;
  /** Expected calibration error (ECE) and its bins. Absent in files of before. */
  readonly calibration?: {
    readonly expectedError: number | null;
    readonly bins: readonly ReliabilityBin[];
  };
  /** Balanced accuracy, AUC, accuracy by group, and what a constant answer has of each. Absent in files of before. */
  readonly answers?: AnswerResult;
  /** The same of the yes and no of one class: `evaluation.focusClass` of the run. */
  readonly focus?: AnswerResult & { readonly name: string };
  /** In the order of `dataset.classes`. */
  readonly perClass: {
    readonly accuracy: readonly number[];
    readonly averagePrecision: readonly (number | null)[];
  };
}

/** How well a network answers; null where there is nothing to measure on. See `AnswerScores` of the metrics. */
export interface AnswerResult {
  readonly accuracy: number | null;
  readonly balancedAccuracy: number | null;
  readonly auc: number | null;
  readonly groups?: Readonly<Record<string, { readonly images: number; readonly accuracy: number | null }>>;
  readonly worstGroup?: number | null;
  readonly groupMean?: number | null;
  /** Of the best answer that does not look at the image. */
  readonly constant: {
    readonly accuracy: number | null;
    readonly balancedAccuracy: number | null;
    readonly auc: number | null;
    readonly worstGroup?: number | null;
    readonly groupMean?: number | null;
  };
}

export interface LocalizationResult {
  /** Where the thresholds (and the constant box) come from: a split, or a number given by hand; `none` of clips, which have no boxes. */
  readonly thresholdFrom: { readonly split: string; readonly images: number } | 'given' | 'none';
  /** By name of the method, in the order of `settings.methods`. */
  readonly methods: Readonly<Record<string, LocalizationScores>>;
  /**
   * `centre`: a Gaussian at the centre of the image taken for a map. `constant-box`: the box that fits the boxes of
   * the threshold's split best. `constant-map`: the same value everywhere; its box is the whole image.
   */
  readonly baselines: Readonly<Record<'centre' | 'constant-map' | 'constant-box', LocalizationScores | null>>;
}

/** Scores of one method or baseline over pairs with truth; null where it has none of that kind. */
export interface LocalizationScores {
  /** One for the whole data set, share of each map's maximum; null for a baseline without one. */
  readonly threshold: number | null;
  /** Box of `constant-box`, normalised [xmin, ymin, xmax, ymax]. */
  readonly box: readonly [number, number, number, number] | null;
  /** Share of pairs whose box (of the largest contour) has IoU ≥ .5 with a true one, at `threshold`. */
  readonly boxAcc: MaybeMeasured;
  /** Any contour against any true box, mean over `settings.iouLevels`, at `threshold`. */
  readonly boxAccV2: MaybeMeasured;
  readonly boxAccV2PerIou: readonly Measured[] | null;
  /** Mean IoU of the box with the best true one, at `threshold`. */
  readonly meanIou: MaybeMeasured;
  /** boxAcc, and the class among the 1 (5) highest scores. */
  readonly top1Localization: MaybeMeasured;
  readonly top5Localization: MaybeMeasured;
  /** boxAcc per class in the order of `dataset.classes` (null: no pair), and its mean over classes. */
  readonly corLocPerClass: readonly (number | null)[] | null;
  readonly corLoc: MaybeMeasured;
  readonly pointing: MaybeMeasured;
  /** With `settings.tolerance`. */
  readonly pointingTolerant: MaybeMeasured;
  /** Energy-based pointing game: share of the map's energy inside the object. */
  readonly energy: MaybeMeasured;
  /** Loc^c(δ) of Grad-CAM++, mean over pairs. */
  readonly loc: readonly { readonly delta: number; readonly score: Measured }[] | null;
  /** Pixel average precision; needs masks. */
  readonly pxAp: MaybeMeasured;
  /** mIoU of the cues (map above 20 % of its maximum) over classes and background; needs masks. */
  readonly cueMeanIou: MaybeMeasured;
  /** Per class in the order of `dataset.classes`, the background last. */
  readonly cueIouPerClass: readonly (number | null)[] | null;
  /** Share of maps that are zero everywhere. */
  readonly deadShare: number;
  /**
   * What the best threshold ON THE EVALUATED SPLIT ITSELF would give: MaxBoxAcc and MaxBoxAccV2 as published. An upper
   * bound of what can be had, not a result to choose by.
   */
  readonly bestThresholdOnThisSplit: {
    readonly maxBoxAcc: number;
    readonly threshold: number;
    readonly maxBoxAccV2: number;
    readonly thresholdsV2: readonly number[];
  } | null;
  readonly curves: LocalizationCurves;
}

/** Curves for drawing, thinned to at most some hundred points. */
export interface LocalizationCurves {
  /** BoxAcc (IoU ≥ .5, largest contour) and BoxAccV2 per IoU level over thresholds. */
  readonly threshold: {
    readonly thresholds: readonly number[];
    readonly boxAcc: readonly number[];
    /** [level][threshold], in the order of `settings.iouLevels`. */
    readonly boxAccV2: readonly (readonly number[])[];
  } | null;
  /** Pixel precision and recall, by falling threshold. */
  readonly precisionRecall: {
    readonly thresholds: readonly number[];
    readonly precision: readonly number[];
    readonly recall: readonly number[];
  } | null;
}

export interface FaithfulnessResult {
  /** Images and pairs that were measured; `--faithfulness-limit` may make them fewer than the split's. */
  readonly images: number;
  readonly pairs: number;
  readonly methods: Readonly<Record<string, FaithfulnessScores>>;
  /** `win[a][b]`: share of pairs on which a keeps more of the score than b (Win % of Grad-CAM++, as a share); two scores that are 0 to float32 (at most 2^-24) are a draw. */
  readonly win: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface FaithfulnessScores {
  /** Mean of max(0, Y − O) / Y. Lower is better. */
  readonly averageDrop: Measured;
  /** Share with Y < O. Higher is better. */
  readonly increaseInConfidence: Measured;
  /** Areas under the curves below. Insertion: higher is better; deletion: lower. */
  readonly insertion: Measured;
  readonly deletion: Measured;
  /** ROAD: mean probability with the most (least) relevant pixels removed, and (least − most) / 2. */
  readonly roadMostRelevant: Measured;
  readonly roadLeastRelevant: Measured;
  readonly road: Measured;
  /** Gini coefficient of the map, and its entropy as a share of the largest; not in results of older versions. */
  readonly sparseness?: Measured;
  readonly entropy?: Measured;
  readonly curves: {
    readonly shares: readonly number[];
    readonly insertion: readonly number[];
    readonly deletion: readonly number[];
    readonly roadShares: readonly number[];
    readonly roadMostRelevant: readonly number[];
    readonly roadLeastRelevant: readonly number[];
  };
}

/** Maps of a network whose weights are destroyed layer by layer from the output on. */
export interface SanityResult {
  readonly images: number;
  readonly pairs: number;
  /** Names of the layers in the order in which they were destroyed; stage i has the first i + 1 destroyed. */
  readonly layers: readonly string[];
  /** Mean Spearman rank correlation with the maps of the whole network, per stage; null where no map varies. */
  readonly rankCorrelation: Readonly<Record<string, readonly (number | null)[]>>;
}

/** The network beside which the evaluated one, its student, is put. */
export interface TeacherResult {
  /** Run directory, or folder of the layers-model. */
  readonly path: string;
  readonly name: string;
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly targetLayer: string;
  readonly targetLayerReason: string;
  /** Extent [h, w] of its maps, before they are brought to the student's grid, `model.mapSize`. */
  readonly mapSize: readonly [number, number];
  readonly classification: ClassificationScores;
  /** Share of images of which both take the same class for the most likely. */
  readonly agreement: Measured;
  /**
   * By name of the method, over the pairs: how alike the two maps of the true class are on the student's grid. Pairs with
   * a map of one value are left out, for the cosine those with a map of zeros; null where none is left.
   */
  readonly maps: Readonly<
    Record<string, { readonly cosine: MaybeMeasured; readonly rankCorrelation: MaybeMeasured }>
  >;
  /** Images per second of forward passes alone, by turns: the batch over the median time. */
  readonly throughput: {
    readonly batchSize: number;
    readonly rounds: number;
    readonly student: number;
    readonly teacher: number;
  };
}

/** How much of what must not matter, as the masks of the split mark it, the network's own answers light up. */
export interface WrongReasonsResult {
  /** With a mask. */
  readonly images: number;
  /** By name of the map method; and `input-gradient`. */
  readonly methods: Readonly<Record<string, WrongReasonScores>>;
}

export interface WrongReasonScores {
  /** WR: share of the mask's pixels that are above the threshold, mean over images. Lower is better. */
  readonly wr: MaybeMeasured;
  /** Mean over the images of the mean of the normalised attribution; null where every one is dead. */
  readonly threshold: number | null;
  /** Share of the images whose attribution is of one value; they are left out. null of no image with a mask. */
  readonly deadShare: number | null;
}

/** One image of the split: a line of the image records. */
export interface ImageRecord {
  /** File and record: `test-00000-of-00001.tfrecord#17`. */
  readonly id: string;
  /** Position in the split, from 0. */
  readonly index: number;
  /** Indices of the true classes. */
  readonly labels: readonly number[];
  /** Probability of every class, 4 digits. */
  readonly scores: readonly number[];
  readonly pairs: readonly PairRecord[];
}

/** What was measured for one true class of an image. */
export interface PairRecord {
  readonly class: number;
  /** Rank of the class among the scores, from 1. */
  readonly rank: number;
  /** Inclusive pixels of the evaluated image, see `settings.imageSize`. Empty without truth. */
  readonly trueBoxes: readonly PixelBox[];
  readonly methods: Readonly<Record<string, PairMeasures>>;
}

export interface PairMeasures {
  /** Of the largest contour at the threshold; absent where localization was not measured. */
  readonly box?: PixelBox;
  /** Best IoU of the box with a true one. Absent without truth. */
  readonly iou?: number;
  /** iou ≥ .5 */
  readonly hit?: boolean;
  /** Best IoU of any contour's box with any true one. */
  readonly bestContourIou?: number;
  readonly pointing?: boolean;
  readonly energy?: number;
  readonly dead: boolean;
  /** max(0, Y − O) / Y and whether Y < O; of the images of the faithfulness measures. */
  readonly drop?: number;
  readonly increase?: boolean;
  /** The map itself, for pictures. */
  readonly map: MapThumbnail;
}

/**
 * A map min-max normalised to bytes, row by row, in base64; at its own extent, or shrunk to at most 32 pixels. Of a clip the
 * maps of some frames side by side, those that `shownFrames` names.
 */
export interface MapThumbnail {
  readonly height: number;
  readonly width: number;
  readonly data: string;
}
