import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { withInputSize } from '../models/index.ts';
import { findNetwork, loadNetwork, networkSource } from './trained-network.ts';

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
 * @throws {RunError} when the run has not ended
 * @throws {ModelError} when its classes are others than the student's
 * @throws {UsageError} when the folder is neither, or it takes images of another size
 */
export async function loadTeacher(
  path: string,
  { classes, imageSize }: TeacherDemands,
): Promise<tfl.LayersModel> {
  const found = await findNetwork(networkSource(path, 'teacher'));
  // The same number of other classes would teach nonsense without a word.
  if (found.data && found.data.classes.join('\n') !== classes.join('\n')) {
    throw new ModelError(
      `${path}: the teacher knows ${found.data.classes.join(', ')}; the student's classes are ${classes.join(', ')}`,
    );
  }
  // The data of a teacher that came from elsewhere need not be here: then the number of outputs must do.
  const { model, ...teacher } = await loadNetwork({ ...found, data: null }, { imageSize });
  if (teacher.classes.length !== classes.length) {
    throw new ModelError(
      `${path}: the teacher has ${teacher.classes.length} outputs, the student ${classes.length} classes (${classes.join(', ')})`,
    );
  }
  if (teacher.channels !== 3) {
    throw new ModelError(`${path}: the teacher takes grey images, the student colours`);
  }
  return model.inputs[0]!.shape[1] === null ? withInputSize(model, [...imageSize]) : model;
}
