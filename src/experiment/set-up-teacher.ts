import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import type { ScheduledTerm } from '../gain/index.ts';
import { type DistillationOptions, distillationTerms } from '../gain/index.ts';
import { resolveTargetLayer } from '../gradcam/index.ts';
import { type Progress, startProgress } from '../progress/index.ts';
import { loadTeacher } from '../run/index.ts';
import { distillationOptionsOf } from './objective-from-config.ts';
import { requireStorable, StoredTeacher } from './stored-teacher.ts';

/** A teacher at work, and the terms of the loss that it gives. */
export interface Distillation {
  readonly teacher: tfl.LayersModel;
  readonly terms: readonly ScheduledTerm[];
}

/**
 * Loads the teacher of an experiment, sees that it fits the student and, where the config says so, has its answers computed beforehand.
 *
 * @returns undefined for an experiment without a teacher
 * @throws {RunError} {ModelError} for a teacher that does not fit; {UsageError} for a precomputation that would not
 *   be what the teacher says of what the student sees
 */
export async function setUpDistillation(
  { distillation, data, evaluation }: Config,
  student: tfl.LayersModel,
  dataset: Dataset,
  signal?: AbortSignal,
  log?: (line: string) => void,
): Promise<Distillation | undefined> {
  if (!distillation) return undefined;
  const options = distillationOptionsOf(distillation);
  const precomputed = distillation.teacher.maps === 'precomputed';
  if (precomputed) requireStorable(options, data.augment, data.fit);
  const teacher = await loadTeacher(distillation.teacher.model, {
    classes: dataset.info.classes,
    imageSize: data.imageSize,
    inputScaling: distillation.teacher.inputScaling ?? undefined,
    onNote: log,
  });
  requireLayers(options, student, teacher);
  if (!precomputed) return { teacher, terms: distillationTerms(teacher, options) };

  let progress: Progress | undefined;
  try {
    const stored = await StoredTeacher.open(teacher, dataset, {
      splits: [...new Set([...data.splits.train, ...(data.masks.count === 0 ? [] : [data.masks.split])])],
      imageSize: data.imageSize,
      fit: data.fit,
      batchSize: evaluation.batchSize,
      workers: data.workers,
      maps: distillation.maps,
      signal,
      onProgress(done, total) {
        progress ??= startProgress("the teacher's answers", total);
        progress.update(done);
      },
    });
    return { teacher, terms: distillationTerms(stored, options) };
  } finally {
    progress?.stop();
  }
}

/** Every layer that is named must be there before the run begins. */
function requireLayers(
  { maps, attentionTransfer }: DistillationOptions,
  student: tfl.LayersModel,
  teacher: tfl.LayersModel,
): void {
  const pairs = [
    { student: maps?.studentLayer, teacher: maps?.teacherLayer },
    ...(attentionTransfer?.layers ?? []),
  ];
  for (const pair of pairs) {
    resolveTargetLayer(student, pair.student);
    resolveTargetLayer(teacher, pair.teacher);
  }
}
