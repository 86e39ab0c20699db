import type { ImageExample, ImageObject } from '../../image-example.ts';
import type { TellNote } from '../import-run/import-notes.ts';

/**
 * The example of an image whose labels are the classes of its objects.
 *
 * @param annotated how many objects the annotation has
 * @param others what gives the image a class without being an object
 * @returns undefined, with a note, when none of them could be used: what such an image shows is not known
 */
export function objectExample(
  image: Omit<ImageExample, 'labels' | 'objects'>,
  objects: ImageObject[],
  annotated: number,
  tell: TellNote,
  others: readonly { class: number }[] = [],
): ImageExample | undefined {
  const labels = labelsOf([...objects, ...others]);
  if (annotated > 0 && labels.length === 0) {
    tell('images left out, none of their objects could be used', image.filename);
    return undefined;
  }
  return { ...image, labels, objects };
}

/** The classes of objects, each once, in order. */
export function labelsOf(objects: Iterable<{ class: number }>): number[] {
  return [...new Set(Array.from(objects, (object) => object.class))].sort((a, b) => a - b);
}
