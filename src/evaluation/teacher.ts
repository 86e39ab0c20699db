import { existsSync } from 'node:fs';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Dataset } from '../data/index.ts';
import { resolveTargetLayer, type TargetLayer } from '../gradcam/index.ts';
import { loadTeacher, type TrainedNetwork } from '../run/index.ts';
import { Explainer, type ExplainerOptions } from './explainer.ts';
import type { EvaluationOptions } from './options.ts';

/** A network beside which the evaluated one is put. */
export interface Teacher {
  /** Run directory, or folder or file of a network. */
  readonly path: string;
  readonly model: tfl.LayersModel;
  readonly target: TargetLayer;
  readonly explainer: Explainer;
}

/**
 * Loads the teacher that was asked for, or else the one that the run was trained with.
 *
 * @param options of the student's maps; the teacher's are made the same way
 * @param log is told when the run's teacher is not where it was: then nothing is compared
 * @returns undefined where there is none
 * @throws {RunError} {ModelError} for a teacher that does not fit the student
 */
export async function findTeacher(
  { config }: TrainedNetwork,
  dataset: Dataset,
  { teacher: asked, teacherLayer, teacherScaling }: EvaluationOptions,
  options: ExplainerOptions,
  log: (line: string) => void,
): Promise<Teacher | undefined> {
  const path = asked ?? config?.distillation?.teacher.model;
  if (path === undefined) return undefined;
  if (asked === undefined && !existsSync(path)) {
    log(
      `warning  the teacher of the run, ${path}, is not there, so nothing is compared; --teacher names one`,
    );
    return undefined;
  }
  const ofRun = asked === undefined ? config?.distillation?.teacher.inputScaling : undefined;
  const model = await loadTeacher(path, {
    classes: dataset.classes,
    imageSize: options.imageSize,
    inputScaling: teacherScaling ?? ofRun ?? undefined,
    onNote: log,
  });
  const layer = teacherLayer ?? (asked === undefined ? config?.distillation?.maps.teacherLayer : undefined);
  const target = resolveTargetLayer(model, layer);
  log(`teacher  ${path}, its maps of ${target.path}: ${target.reason}`);
  const explainer = await Explainer.create(model, { ...options, targetLayer: target.path });
  return { path, model, target, explainer };
}
