import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import {
  findInputScaling,
  type InputScaling,
  loadLayersModel,
  shownScaling,
  withInputScaling,
  withRegionScores,
  withSignedValues,
  withTwoClasses,
} from '../models/index.ts';
import { type FoundNetwork, findNetwork } from './find-network.ts';
import { classesOf, inputOf, linkOf, outputIndex, pairOfClasses } from './network-facts.ts';
import { fileOfNetwork, type NetworkOverrides, type NetworkSource } from './network-source.ts';
import { doubtByData } from './scaling-doubt.ts';

/** A trained network and all that has to be known to use it: one rule for each fact. */
export interface TrainedNetwork extends FoundNetwork {
  /** The model as it lies in its folder; one with a single score for two classes has two (`withTwoClasses`). */
  readonly saved: tfl.LayersModel;
  /** What `saved` is given in place of pixels from 0 to 1; null for a run, whose network holds it. */
  readonly scaling: InputScaling | null;
  /** The same, for images with values from 0 to 1. */
  readonly model: tfl.LayersModel;
  /** Index of the output with the scores. */
  readonly output: number;
  /** By the columns of that output. */
  readonly classes: readonly string[];
  /** Whether the names of the classes are known; else numbers stand for them. */
  readonly knowsClasses: boolean;
  /** How its logits become scores. */
  readonly link: Link;
  /**
   * What the scores of its output stand for: `classes`; the `regions` of a segmenter (`withRegionScores`); `values`, numbers
   * of either sign (`withSignedValues`).
   */
  readonly scored: 'classes' | 'regions' | 'values';
  /** Whether something said so; else it was assumed. */
  readonly knowsLink: boolean;
  /** [H,W] */
  readonly imageSize: readonly [number, number];
  /** T, of a network of clips and volumes; undefined for images. */
  readonly frames: number | undefined;
  /** 3 for colours, 1 for grey. */
  readonly channels: 1 | 3;
  readonly fit: 'squash' | 'crop';
  /** Where class maps are made unless something else is asked for. */
  readonly targetLayer: string;
  /** The map methods that it was trained with: of guidance, then of distillation. */
  readonly methods: readonly string[];
  /** What had to be assumed, a line each. */
  readonly notes: readonly string[];
}

/** What else than images the caller can do something with. */
export interface NetworkKinds {
  /** Networks of clips and volumes, [B,T,H,W,c]. @default false: they are an error */
  readonly clips?: boolean | undefined;
  /** Other targets than classes, see `NetworkOverrides.target`. @default false: they are an error */
  readonly targets?: boolean | undefined;
}

/** A number has two columns: what raises it, and what lowers it. */
function bothSigns(names: readonly string[]): string[] {
  return names.flatMap((name) => [`${name} higher`, `${name} lower`]);
}

/**
 * Loads a network that was found. An engine has to be started before.
 *
 * - Output, image size, channels: what the model says; where it leaves the size open, the run.
 * - Link: what the model ends in; else what the run was trained with; else sigmoid for a data set of several labels
 *   an image, or a single score; else softmax, and a note says so.
 * - Classes: those given; else the data set's; else those in a file beside it; else numbers, and a note says so. A single
 *   score for two classes becomes two (`withTwoClasses`).
 * - Input scaling of what is no run: the one given; else what its files say, with a note; else none. Where there are
 *   images of its data set, scores that speak against it are a note too.
 *
 * @throws {ModelError} when it cannot be loaded, does not take one image (or clip, where `clips` is said), or does not answer [B,C] with the classes of
 *   its data set
 * @throws {UsageError} when an override does not fit it
 */
export async function loadNetwork(
  found: FoundNetwork,
  overrides: NetworkOverrides = {},
  { clips = false, targets = false }: NetworkKinds = {},
): Promise<TrainedNetwork> {
  const { config, path } = found;
  const facts = { ...found.known, ...given(overrides) };
  const notes: string[] = [];
  let saved = await loadLayersModel(path, {
    inputSize: facts.imageSize,
    onNote: (note) => notes.push(`file     ${note}`),
  });
  const { target } = facts;
  const scored = target === undefined ? 'classes' : target === 'value' ? 'values' : 'regions';
  if (target !== undefined && !targets) {
    throw new UsageError('target: this program works on classes; explain takes other targets');
  }
  let output = outputIndex(saved, facts.output, scored === 'regions' ? 4 : 2);
  const own = saved;
  const ownOutput = output;
  if (target !== undefined) {
    saved = target === 'value' ? withSignedValues(saved, output) : withRegionScores(saved, target, output);
    output = 0;
  }
  const { size: imageSize, channels, frames } = inputOf(saved, found, facts, clips);
  let link = scored === 'classes' ? linkOf(saved, output, found, facts.link) : 'softmax';
  if (link === undefined) notes.push('scores   softmax of the logits (--link sigmoid says otherwise)');
  const pair = scored === 'classes' ? pairOfClasses(saved, found, facts.classes) : undefined;
  if (pair) {
    saved = withTwoClasses(saved);
    link = 'softmax';
    notes.push(`classes  one score: it speaks for ${pair[1]} and against ${pair[0]}`);
  }
  const named = classesOf(pair ? saved : own, pair ? output : ownOutput, found, facts.classes, (note) =>
    notes.push(note),
  );
  const columns = pair ? saved.outputs[output]! : own.outputs[ownOutput]!;
  const numbered = Array.from({ length: columns.shape.at(-1)! }, (_, c) => String(c));
  const classes = scored === 'values' ? bothSigns(named ?? numbered) : (named ?? numbered);
  if (named === undefined) {
    notes.push('classes  their names are not known: numbers take their place (--classes gives names)');
  }
  const explained = config && config.gain.targetLayer !== 'auto' ? config.gain.targetLayer : undefined;
  const methods = config
    ? [config.gain.method, ...(config.distillation ? [config.distillation.maps.method] : [])]
    : [];
  const network: TrainedNetwork = {
    ...found,
    saved,
    ...(await scaled(saved, found, facts, notes)),
    output,
    scored,
    classes,
    knowsClasses: named !== undefined,
    link: link ?? 'softmax',
    knowsLink: link !== undefined,
    imageSize,
    frames,
    channels,
    fit: config?.data.fit ?? 'squash',
    targetLayer: facts.targetLayer ?? explained ?? config?.distillation?.maps.studentLayer ?? 'auto',
    methods,
    notes,
  };
  const doubt = frames || scored !== 'classes' ? undefined : await doubtByData(network);
  if (doubt) notes.push(doubt);
  return network;
}

/** The model for pixels from 0 to 1, and what was done for it. */
async function scaled(
  saved: tfl.LayersModel,
  { config, path }: FoundNetwork,
  { inputScaling }: NetworkOverrides,
  notes: string[],
): Promise<Pick<TrainedNetwork, 'model' | 'scaling'>> {
  // A run saves its network with the scaling in it.
  if (config) return { model: saved, scaling: null };
  const said = inputScaling === undefined ? await findInputScaling(fileOfNetwork(path), saved) : undefined;
  if (said)
    notes.push(`pixels   ${shownScaling(said.scaling)}: ${said.why} (--input-scaling says otherwise)`);
  const scaling = inputScaling ?? said?.scaling ?? 'zero-one';
  return { model: withInputScaling(saved, scaling), scaling };
}

/** Without what is not said. */
function given(overrides: NetworkOverrides): NetworkOverrides {
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
}

/**
 * Opens a trained network: finds it, and loads it.
 *
 * @throws as `findNetwork` and `loadNetwork` do
 */
export async function openTrainedNetwork(
  source: NetworkSource,
  overrides: NetworkOverrides = {},
  kinds: NetworkKinds = {},
): Promise<TrainedNetwork> {
  return loadNetwork(await findNetwork(source), overrides, kinds);
}
