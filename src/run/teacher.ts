import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { type InputScaling, withInputSize, withTwoClasses } from '../models/index.ts';
import { findNetwork } from './find-network.ts';
import { networkSource } from './network-source.ts';
import { loadNetwork } from './trained-network.ts';

/** What a teacher has to fit. */
export interface TeacherDemands {
  /** Names of the student's classes, in order. */
  readonly classes: readonly string[];
  /** H, W of the student's images. */
  readonly imageSize: readonly [number, number];
  /** What a teacher that is no run expects of its pixels. @default what its files say, else 'zero-one' */
  readonly inputScaling?: InputScaling | undefined;
  /** Told what had to be assumed, a line each. */
  readonly onNote?: ((line: string) => void) | undefined;
}

/**
 * Loads a teacher: the network of a finished run, or one of any kind that is read (docs/models.md). A network without
 * fixed input size takes the student's; one with a single score teaches a student of two classes.
 *
 * @param path the run directory, or the folder or file of the network
 * @throws {RunError} when the run has not ended
 * @throws {ModelError} when its classes are others than the student's
 * @throws {UsageError} when the folder is neither, or it takes images of another size
 */
export async function loadTeacher(
  path: string,
  { classes, imageSize, inputScaling, onNote = () => {} }: TeacherDemands,
): Promise<tfl.LayersModel> {
  const found = await findNetwork(networkSource(path, 'teacher'));
  // The same number of other classes would teach nonsense without a word.
  if (found.data && found.data.classes.join('\n') !== classes.join('\n')) {
    throw new ModelError(
      `${path}: the teacher knows ${found.data.classes.join(', ')}; the student's classes are ${classes.join(', ')}`,
    );
  }
  if (found.beside && !found.data && other(found.beside.names, classes)) {
    throw new ModelError(
      `${path}: the teacher knows ${found.beside.names.join(', ')} (${found.beside.file}); the student's classes are ${classes.join(', ')}`,
    );
  }
  // The data of a teacher that came from elsewhere need not be here: then the number of outputs must do.
  const { model, ...teacher } = await loadNetwork(
    { ...found, data: null, beside: undefined },
    { imageSize, inputScaling },
  );
  for (const note of teacher.notes) if (!note.startsWith('classes')) onNote(`${note}, the teacher ${path}`);
  const single = teacher.classes.length === 1 && classes.length === 2;
  if (teacher.classes.length !== classes.length && !single) {
    throw new ModelError(
      `${path}: the teacher has ${teacher.classes.length} outputs, the student ${classes.length} classes (${classes.join(', ')})`,
    );
  }
  if (teacher.channels !== 3) {
    throw new ModelError(`${path}: the teacher takes grey images, the student colours`);
  }
  const sized = model.inputs[0]!.shape[1] === null ? withInputSize(model, [...imageSize]) : model;
  return single ? withTwoClasses(sized) : sized;
}

/** As many names, of which some are the same, but not in the same places: they would be taken for each other. */
function other(own: readonly string[], wanted: readonly string[]): boolean {
  const differ = own.length === wanted.length && own.some((name, i) => name !== wanted[i]);
  return differ && own.some((name) => wanted.includes(name));
}
