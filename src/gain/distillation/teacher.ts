import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { loadConfig } from '../../config/index.ts';
import { readDatasetInfo } from '../../data/index.ts';
import { ModelError, RunError } from '../../errors/index.ts';
import { loadLayersModel, withInputSize } from '../../models/index.ts';

/** What a teacher has to fit. */
export interface TeacherDemands {
  /** Names of the student's classes, in order. */
  readonly classes: readonly string[];
  /** H, W of the student's images. */
  readonly imageSize: readonly [number, number];
}

/**
 * Loads a teacher: the network of a finished run, or a tfjs layers-model folder. A network without fixed input
 * size takes the student's.
 *
 * @param path the run directory or model folder
 * @throws RunError when the run has not ended; ModelError when the folder holds no model, or when classes or
 *   input size are others than the student's
 */
export async function loadTeacher(
  path: string,
  { classes, imageSize }: TeacherDemands,
): Promise<tfl.LayersModel> {
  const isRun = existsSync(join(path, 'config.yaml'));
  if (isRun && !existsSync(join(path, 'model'))) {
    throw new RunError(`${path}: this run has not ended, there is no model/ to teach with`);
  }
  if (isRun) await requireClasses(path, classes);
  const model = await loadLayersModel(isRun ? join(path, 'model') : path);

  const outputs = model.outputs[0]!.shape.at(-1);
  if (outputs !== classes.length) {
    throw new ModelError(
      `${path}: the teacher has ${outputs} outputs, the student ${classes.length} classes (${classes.join(', ')})`,
    );
  }
  const [, height, width, channels] = model.inputs[0]!.shape;
  if (model.inputs.length !== 1 || channels !== 3) {
    const shape = model.inputs[0]!.shape.map((size) => size ?? 'any').join(', ');
    throw new ModelError(`${path}: the teacher must take images [batch, H, W, 3], takes [${shape}]`);
  }
  if (height === null && width === null) return withInputSize(model, [...imageSize]);
  if (height !== imageSize[0] || width !== imageSize[1]) {
    throw new ModelError(
      `${path}: the teacher takes images of ${height}x${width}, the student of ${imageSize.join('x')}`,
    );
  }
  return model;
}

/** A run knows its data set; the same number of other classes would teach nonsense without a word. */
async function requireClasses(run: string, classes: readonly string[]): Promise<void> {
  const { data } = await loadConfig(join(run, 'config.yaml'));
  // The data of a teacher that came from elsewhere need not be here: then the number of outputs must do.
  const info = await readDatasetInfo(data.dir).catch(() => undefined);
  if (info && info.classes.join('\n') !== classes.join('\n')) {
    throw new ModelError(
      `${run}: the teacher knows ${info.classes.join(', ')}; the student's classes are ${classes.join(', ')}`,
    );
  }
}
