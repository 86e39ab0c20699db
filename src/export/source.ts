import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { loadConfig } from '../config/index.ts';
import { readDatasetInfo } from '../data/index.ts';
import { ModelError, UsageError } from '../errors/index.ts';
import type { MapMethod } from '../gradcam/index.ts';
import type { Link } from '../losses/index.ts';
import { loadLayersModel, toLogits } from '../models/index.ts';
import type { ExportSource } from './onnx-export.ts';

export interface SourceOptions {
  /** In place of those of the run's data set. */
  readonly classes?: readonly string[] | undefined;
  /** In place of the run's. */
  readonly link?: Link | undefined;
  readonly targetLayer?: string | undefined;
  /** Takes a line when something had to be assumed. */
  readonly log: (line: string) => void;
}

/**
 * Opens what is to be exported: a finished run, whose config says the rest, or the folder of a tfjs
 * layers-model.
 *
 * @throws UsageError when the folder is neither, or the classes do not fit
 * @throws ModelError when the model cannot be loaded
 */
export async function openSource(path: string, options: SourceOptions): Promise<ExportSource> {
  if (existsSync(join(path, 'config.yaml'))) return openRun(path, options);
  if (existsSync(join(path, 'model.json')) || path.endsWith('.json')) return openFolder(path, options);
  throw new UsageError(
    `--run: ${path} ${existsSync(path) ? 'holds neither a run (config.yaml) nor a tfjs layers-model (model.json)' : 'does not exist'}`,
  );
}

async function openRun(path: string, options: SourceOptions): Promise<ExportSource> {
  const config = await loadConfig(join(path, 'config.yaml'));
  const folder = join(path, 'model');
  if (!existsSync(folder)) {
    throw new ModelError(
      `${folder}: is not there, the run has not ended; a checkpoint can be exported too: ` +
        `--run ${join(path, 'checkpoints', 'step-…')}`,
    );
  }
  const model = toLogits(await loadLayersModel(folder));
  const { gain, data } = config;
  const info = await readDatasetInfo(data.dir).catch(() => undefined);
  const link = options.link ?? (gain.link === 'auto' ? undefined : gain.link);
  if (link === undefined && info === undefined) {
    throw new UsageError(
      `--link: the data set of the run, ${data.dir}, is not here to say whether an image may have several ` +
        'labels; give sigmoid if so, else softmax',
    );
  }
  return {
    name: config.name,
    model,
    classes: classNames(model, options.classes ?? info?.classes, options.log),
    link: link ?? (info!.multiLabel ? 'sigmoid' : 'softmax'),
    targetLayer: options.targetLayer ?? gain.targetLayer,
    method: gain.method as MapMethod,
  };
}

async function openFolder(path: string, options: SourceOptions): Promise<ExportSource> {
  const model = await loadLayersModel(path);
  const link = options.link ?? linkOf(model);
  if (options.link === undefined) options.log(`scores   ${link} of the logits (--link says otherwise)`);
  return {
    name: model.name,
    model: toLogits(model),
    classes: classNames(model, options.classes, options.log),
    link,
    targetLayer: options.targetLayer ?? 'auto',
    method: 'grad-cam',
  };
}

/** The activation that a model ends with; softmax for one that ends with logits. */
function linkOf(model: tfl.LayersModel): Link {
  return model.layers.at(-1)?.getConfig().activation === 'sigmoid' ? 'sigmoid' : 'softmax';
}

function classNames(
  model: tfl.LayersModel,
  names: readonly string[] | undefined,
  log: (line: string) => void,
): readonly string[] {
  const shape = model.outputs[0]!.shape;
  const count = shape.at(-1);
  if (model.outputs.length !== 1 || shape.length !== 2 || count === null || count === undefined) {
    throw new ModelError(`model ${model.name}: must have one output [batch, classes], has [${shape}]`);
  }
  if (names === undefined) {
    log(`classes  their names are not known: numbers take their place (--classes a,b,… gives names)`);
    return Array.from({ length: count }, (_, c) => String(c));
  }
  if (names.length !== count) {
    throw new UsageError(`--classes: the model has ${count} classes, received ${names.length} names`);
  }
  return names;
}
