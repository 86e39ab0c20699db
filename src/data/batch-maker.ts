import { type Random, randomFor } from '../random/index.ts';
import {
  type Augmentation,
  type Fit,
  fixedPlacement,
  jitterColors,
  type Placement,
  placeBox,
  randomPlacement,
} from './augmentation.ts';
import type { BatchBox, BatchMask, HostBatch, View } from './batch.ts';
import { COMPOSITE } from './batch-order.ts';
import type { BatchSources } from './batch-sources.ts';
import { framesOf } from './clips/index.ts';
import { type Composite, makeComposite, type PlacedExample, storedComposite } from './composites/index.ts';
import type { ClassMask, DecodedExample, ExampleReader, Shrink } from './example-reader.ts';
import { predictedClassMasks } from './predicted-masks.ts';
import { resample } from './resampling.ts';

/** How samples are made from examples, the same for all batches of an epoch. */
export interface SampleSpec {
  height: number;
  width: number;
  /** T, of clips. @default images */
  frames?: number | undefined;
  classes: number;
  fit: Fit;
  augment: Augmentation | null;
  seed: number;
  epoch: number;
  /** Whether the batch brings the masks of what supervises. */
  masks: boolean;
}

/** Which examples a batch holds. Plain data, so that it can be sent to a worker. */
export interface BatchTask {
  spec: SampleSpec;
  /** Numbers of the examples; {@link COMPOSITE} where a composite is to be made. */
  examples: number[];
  /** For each example: whether its masks and boxes may supervise. */
  supervised: boolean[];
  /** Position of the first sample in the epoch; a sample's augmentation is drawn from (seed, epoch, position). */
  firstPosition: number;
  /** Which {@link BatchSources} composites and predicted masks come from. */
  sources?: string | undefined;
}

/** An example and how each of its masks came about. */
interface Sample extends DecodedExample {
  predicted: boolean;
  composite?: Composite;
}

/**
 * Makes a batch: reads, decodes, augments, and composes.
 *
 * @throws {DataError} of the first example of the batch that is broken
 */
export async function makeBatch(
  reader: ExampleReader,
  task: BatchTask,
  sources?: BatchSources,
): Promise<HostBatch> {
  const { spec, examples, supervised, firstPosition } = task;
  const reads = await Promise.allSettled(
    examples.map((example, sample) =>
      example === COMPOSITE
        ? readComposite(reader, spec, sources!, firstPosition + sample)
        : readSample(reader, spec, sources, example, supervised[sample]!),
    ),
  );
  const size = examples.length;
  const frames = spec.frames ?? 1;
  const pixels = frames * spec.height * spec.width;
  const batch: HostBatch = {
    size,
    images: new Float32Array(size * pixels * 3),
    labels: new Float32Array(size * spec.classes),
    masks: [],
    boxes: [],
    supervised: Uint8Array.from(supervised, Number),
    ids: [],
    views: [],
  };
  const groups: string[] = [];
  if (sources?.composites) batch.labelWeights = new Float32Array(size * spec.classes).fill(1);
  for (const [sample, read] of reads.entries()) {
    if (read.status === 'rejected') throw read.reason;
    const example = read.value;
    const random = randomFor(spec.seed, 'augment', spec.epoch, firstPosition + sample);
    const shown = frameSize(example);
    // Drawn once: all frames of a clip move alike.
    const placement = spec.augment
      ? randomPlacement(shown, spec, spec.fit, spec.augment, random)
      : fixedPlacement(shown, spec, spec.fit);

    const offset = sample * pixels * 3;
    for (const [t, frame] of framesOf(example.pixels, 3, example.frames, spec.frames).entries()) {
      const { width, height } = spec;
      const target = { data: batch.images, offset: offset + t * width * height * 3, width, height };
      resample(frame, 3, placement.window, target, 1 / 255, placement.flip);
    }
    if (spec.augment?.color) {
      jitterColors(batch.images.subarray(offset, offset + pixels * 3), spec.augment.color, random);
    }
    const row = sample * spec.classes;
    if (example.composite) batch.labels.set(example.composite.labels, row);
    else for (const label of example.labels) batch.labels[row + label] = 1;
    const unknown = example.composite ? [] : [...(example.unknown ?? []), ...unknownClasses(sources)];
    if (unknown.length > 0) batch.labelWeights ??= new Float32Array(size * spec.classes).fill(1);
    for (const c of unknown) batch.labelWeights![row + c] = 0;
    if (example.composite) batch.labelWeights!.set(example.composite.labelWeights, row);
    groups.push(example.group ?? '');
    // A box does not say when.
    if (!spec.frames) batch.boxes.push(...placedBoxes(example, sample, placement));
    batch.masks.push(...placedMasks(example, sample, placement, spec));
    if (example.confounder) {
      const masks = [{ class: 0, ...example.confounder }];
      const marked = { masks, pixels: example.pixels, frames: example.frames };
      for (const { mask } of placedMasks(marked, sample, placement, spec)) {
        batch.confounders ??= [];
        batch.confounders.push({ sample, mask });
      }
    }
    batch.ids.push(example.id);
    batch.views.push(viewOf(placement, shown));
  }
  if (groups.some((group) => group !== '')) batch.groups = groups;
  return batch;
}

/** An example of the set, with the masks of a segmenter where it has none of its own that may be used. */
async function readSample(
  reader: ExampleReader,
  spec: SampleSpec,
  sources: BatchSources | undefined,
  example: number,
  supervised: boolean,
): Promise<Sample> {
  const own = sources === undefined || sources.masked.has(example);
  const all = await reader.read(example, supervised && spec.masks, shrinkFor(spec));
  // What must not matter is known whether or not the masks of the objects may be used.
  const read = own ? all : { ...all, masks: [] };
  if (own || !supervised || !spec.masks || !sources.predicted) return { ...read, predicted: false };
  return { ...read, masks: predictedClassMasks(sources.predicted, example, read.pixels), predicted: true };
}

/** The composite of a position in the epoch, as an example whose pixels have the size of the network's input. */
async function readComposite(
  reader: ExampleReader,
  spec: SampleSpec,
  sources: BatchSources,
  position: number,
): Promise<Sample> {
  const plan = sources.composites!;
  const { width, height, seed, epoch } = spec;
  const drawn = randomFor(seed, 'composite', epoch, position);
  const place = (example: number) => placeExample(reader, spec, sources, example);
  const make = (random: Random) => makeComposite(plan, place, random);
  const { store } = plan;
  const index = store ? drawn.integer(store.count) : -1;
  const composite = store
    ? await storedComposite(store, index, () => make(randomFor(seed, 'stored composite', index)))
    : await make(drawn);
  return {
    id: `composite#${position}`,
    labels: [],
    objects: [],
    pixels: { data: asBytes(composite.picture.data), width, height },
    masks:
      plan.options.supervise && spec.masks
        ? [...composite.regions].map(([c, data]) => ({ class: c, data, width, height }))
        : [],
    predicted: plan.predicted !== undefined,
    composite,
  };
}

function asBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round(values[i]! * 255);
  return bytes;
}

/** An example at the size of the network's input, without augmentation: what composites are made from. */
export async function placeExample(
  reader: ExampleReader,
  spec: SampleSpec,
  sources: BatchSources,
  example: number,
): Promise<PlacedExample> {
  const own = sources.masked.has(example);
  const read = await reader.read(example, own, shrinkFor({ ...spec, augment: null }));
  const { width, height } = spec;
  const placement = fixedPlacement(read.pixels, spec, spec.fit);
  const data = new Float32Array(height * width * 3);
  resample(read.pixels, 3, placement.window, { data, offset: 0, width, height }, 1 / 255, false);
  const masks =
    own || !sources.predicted ? read.masks : predictedClassMasks(sources.predicted, example, read.pixels);
  const placed = placedMasks({ masks, pixels: read.pixels }, 0, placement, spec);
  return {
    picture: { data, width, height },
    labels: read.labels,
    unknown: read.unknown ?? [],
    regions: new Map(placed.map(({ class: c, mask }) => [c, Uint8Array.from(mask)])),
  };
}

/** Classes of which the images of the set are to say nothing. */
function unknownClasses(sources: BatchSources | undefined): readonly number[] {
  const options = sources?.composites?.options;
  return options?.realLabels === 'unknown' ? options.suspects : [];
}

/** Size of an image, or of a frame of a clip. */
function frameSize({ pixels, frames = 1 }: Pick<DecodedExample, 'pixels' | 'frames'>) {
  return { width: pixels.width, height: pixels.height / frames };
}

function viewOf({ window, flip }: Placement, { width, height }: { width: number; height: number }): View {
  return {
    left: window.left / width,
    top: window.top / height,
    width: window.width / width,
    height: window.height / height,
    flip,
  };
}

function placedBoxes({ objects, pixels }: DecodedExample, sample: number, placement: Placement): BatchBox[] {
  return objects.flatMap((object) => placeBox({ sample, ...object }, pixels, placement) ?? []);
}

/** Moves the masks with their image; a pixel belongs to the object when half of it does. */
function placedMasks(
  {
    masks,
    pixels,
    frames,
    predicted = false,
  }: Pick<DecodedExample, 'masks' | 'pixels' | 'frames'> & { predicted?: boolean },
  sample: number,
  placement: Placement,
  spec: SampleSpec,
): BatchMask[] {
  const { height, width } = spec;
  return masks.flatMap((source) => {
    const mask = new Float32Array((spec.frames ?? 1) * height * width);
    const window = scaled(placement.window, source, pixels);
    for (const [t, frame] of framesOf(source, 1, frames, spec.frames).entries()) {
      const target = { data: mask, offset: t * height * width, width, height };
      resample(frame, 1, window, target, 1, placement.flip);
    }
    let area = 0;
    for (let i = 0; i < mask.length; i++) area += mask[i] = mask[i]! >= 0.5 ? 1 : 0;
    return area > 0 ? [{ sample, class: source.class, mask, ...(predicted && { predicted }) }] : [];
  });
}

/** A window of the pixels, on a mask: the same unless the image was shrunk while it was decoded. */
function scaled(window: Placement['window'], mask: ClassMask, pixels: { width: number; height: number }) {
  const x = mask.width / pixels.width;
  const y = mask.height / pixels.height;
  return { left: window.left * x, top: window.top * y, width: window.width * x, height: window.height * y };
}

/**
 * Images much larger than the target are decoded at 1/2, 1/4, … of their size, which JPEG does at a fraction of the
 * cost; the smallest crop still has twice the pixels of the target on each axis.
 */
function shrinkFor({ width, height, augment, frames }: SampleSpec): Shrink {
  // Shrinking would mix the last rows of a frame with the first of the next.
  if (frames) return () => 1;
  const smallestCrop = Math.sqrt(augment?.crop?.scale[0] ?? 1);
  return (fullWidth, fullHeight) => {
    const room = Math.min(fullWidth / (2 * width), fullHeight / (2 * height)) * smallestCrop;
    return 2 ** Math.max(0, Math.floor(Math.log2(room)));
  };
}

/** The buffers of a batch, for handing them from a worker without a copy. */
export function buffersOf(batch: HostBatch): ArrayBuffer[] {
  const arrays = [batch.images, batch.labels, batch.supervised, ...batch.masks.map(({ mask }) => mask)];
  if (batch.labelWeights) arrays.push(batch.labelWeights);
  return arrays.map((array) => array.buffer as ArrayBuffer);
}
