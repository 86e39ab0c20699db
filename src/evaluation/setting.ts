import type { Dataset } from '../data/index.ts';
import type { EngineInfo } from '../engine/index.ts';
import type { TargetLayer } from '../gradcam/index.ts';
import type { Bootstrap } from '../metrics/index.ts';
import { countMultiplyAdds, countParameters, type InputScaling } from '../models/index.ts';
import { describeEnvironment, type NetworkSource, type TrainedNetwork } from '../run/index.ts';
import type { BatchReader } from './batch-reader.ts';
import type { Calibration } from './calibration.ts';
import type { Explainer } from './explainer.ts';
import type { EvaluationOptions, MeasureName } from './options.ts';
import { type EvaluationResult, evaluationFormat, evaluationVersion } from './result.ts';
import type { ResultWriter } from './result-files.ts';
import type { Teacher } from './teacher.ts';

/** δ of MaxBoxAccV2. */
export const iouLevels = [0.3, 0.5, 0.7];
export const confidence = 0.95;

export interface EvaluateRequest {
  readonly source: NetworkSource;
  /** Folder of the data set. @default that of the run */
  readonly data?: string | undefined;
  /** Of a model folder. @default 'zero-one' */
  readonly inputScaling?: InputScaling | undefined;
  /** [H,W] of a model that takes any. @default that of the run */
  readonly imageSize?: readonly [number, number] | undefined;
  /** T of a network of clips that takes any number of frames. @default that of the run */
  readonly frames?: number | undefined;
  /** @default the test splits of the run, else `test` */
  readonly splits?: readonly string[] | undefined;
  readonly options: EvaluationOptions;
  /** @default that of the run, else `auto` */
  readonly engine?: string | undefined;
  /** Where the records and the result of a split go. @default nowhere */
  readonly writerFor?: ((split: string) => ResultWriter) | undefined;
  readonly maps?: { readonly dir: string; readonly format: 'png' | 'npy' } | undefined;
  /** Takes a line for the user. @default writes it to stderr */
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the evaluation of several splits shares. */
export interface Setting {
  readonly network: TrainedNetwork;
  readonly dataset: Dataset;
  readonly target: TargetLayer;
  readonly explainer: Explainer;
  readonly teacher: Teacher | undefined;
  readonly measures: readonly MeasureName[];
  readonly calibration: Calibration | undefined;
  readonly bootstrap: Bootstrap;
  readonly engine: EngineInfo;
  readonly request: EvaluateRequest;
  readonly read: BatchReader;
}

/** The part of a result that tells what was evaluated, and how. */
export function describeSetting(
  { network, target, explainer, measures, bootstrap, engine, request }: Setting,
  split: string,
  mapSizes: readonly (readonly number[])[],
): Pick<
  EvaluationResult,
  'format' | 'version' | 'finished' | 'split' | 'model' | 'settings' | 'config' | 'environment'
> {
  const { options } = request;
  const { methods, imageSize, frames, link } = explainer.options;
  const { model } = network;
  return {
    format: evaluationFormat,
    version: evaluationVersion,
    finished: new Date().toISOString(),
    split,
    model: {
      run: network.run,
      path: network.path,
      name: model.name,
      parameters: countParameters(model),
      multiplyAdds: countMultiplyAdds(model, [[...(frames ? [frames] : []), ...imageSize, 3]]),
      targetLayer: target.path,
      targetLayerReason: target.reason,
      mapSize: mapSizes[0] ?? [0, 0],
      mapSizes: Object.fromEntries(methods.map((method, m) => [method, mapSizes[m] ?? [0, 0]])),
    },
    settings: {
      methods,
      measures,
      imageSize,
      ...(frames && { frames }),
      link,
      iouLevels,
      tolerance: options.tolerance,
      bootstrap: { replicates: bootstrap.replicates, confidence, seed: options.seed },
      limit: options.limit ?? null,
    },
    config: network.config,
    environment: describeEnvironment(engine, options.seed),
  };
}
