import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { DataError, UsageError } from '../../errors/index.ts';
import { readText } from '../text-file.ts';
import type { ImportSource } from './import-run/import-examples.ts';
import { ImportNotes, type TellNote } from './import-run/import-notes.ts';
import {
  type AnnotatedImage,
  type AnnotatedSourceOptions,
  annotatedSource,
  type Shape,
} from './reading/annotated-image.ts';
import { listFolder, stemOf } from './reading/image-files.ts';
import { checked } from './reading/json-file.ts';

export type YoloOptions = Pick<AnnotatedSourceOptions, 'classes' | 'masks' | 'resize'>;

const paths = z.union([z.string(), z.array(z.string())]).nullish();
const dataSchema = z.object({
  path: z.string().nullish(),
  train: paths,
  val: paths,
  valid: paths,
  test: paths,
  names: z.union([z.array(z.coerce.string()), z.record(z.string(), z.coerce.string())]),
  kpt_shape: z.array(z.number()).nullish(),
});

interface YoloLayout {
  names: readonly string[];
  /** Splits and the folders or lists of their images. */
  splits: [split: string, paths: string[]][];
  /** Whether lines end in keypoints, which are left out. */
  keypoints: boolean;
}

/**
 * Finds images with labels as YOLO has them: `images/…/1.jpg` and `labels/…/1.txt`, whose lines are a class and a box
 * (centre x, y, width, height) or an outline (x1 y1 x2 y2 …), in parts of the image. `data.yaml` tells splits and
 * classes; without it they are `train`, `val`, `test` of the folder and `classes.txt`.
 *
 * An image without a label file, or with an empty one, shows none of the classes.
 *
 * @param dir the folder, or its `data.yaml`
 * @throws {DataError} that names the file and line
 */
export async function findYolo(dir: string, options: YoloOptions = {}): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const layout = await readLayout(dir, options.classes);
  const images: AnnotatedImage[] = [];
  for (const [split, places] of layout.splits) {
    const files = (await Promise.all(places.map((place) => imagesIn(place, notes.tell)))).flat();
    const labelled = new Set<string>();
    for (const file of files) {
      const labels = labelFileOf(file);
      labelled.add(labels);
      const name = relative(places[0]!, file).split(sep).join('/');
      try {
        const shapes = existsSync(labels) ? await readLabels(labels, layout, problems, notes.tell) : [];
        images.push({ source: file, name, where: labels, split, unit: 'parts', shapes });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    }
    await tellStrayLabels(labelled, notes.tell);
  }
  if (images.length > 0 && images.every(({ shapes }) => shapes.length === 0) && problems.length === 0) {
    throw new DataError(
      `${dir}: none of the ${images.length} images has a label; the first would be in ${images[0]!.where}`,
    );
  }
  return annotatedSource('yolo', images, { ...options, classes: layout.names }, notes, problems);
}

async function readLayout(dir: string, classes: readonly string[] | undefined): Promise<YoloLayout> {
  const status = statSync(dir, { throwIfNoEntry: false });
  if (!status) throw new UsageError(`${dir}: no such file or folder`);
  const file = status.isDirectory()
    ? ['data.yaml', 'dataset.yaml', 'data.yml']
        .map((name) => join(dir, name))
        .find((path) => existsSync(path))
    : dir;
  if (file) return layoutOf(file, classes);
  const { folders } = await listFolder(dir);
  const names = classes ?? (await namesIn(dir));
  // images/train and labels/train, train/images and train/labels, or images and labels.
  const inside = folders.includes('images') ? (await listFolder(join(dir, 'images'))).folders : [];
  const splits: YoloLayout['splits'] =
    inside.length > 0
      ? inside.map((split) => [split, [join(dir, 'images', split)]])
      : folders.includes('images')
        ? [['train', [join(dir, 'images')]]]
        : folders
            .filter((split) => existsSync(join(dir, split, 'images')))
            .map((split) => [split, [join(dir, split, 'images')]]);
  if (splits.length === 0) throw new DataError(`${dir}: holds neither data.yaml nor a folder images`);
  return { names, splits, keypoints: false };
}

async function namesIn(dir: string): Promise<string[]> {
  const file = ['classes.txt', 'obj.names', 'labels/classes.txt']
    .map((name) => join(dir, name))
    .find((path) => existsSync(path));
  if (!file) throw new DataError(`${dir}: holds neither data.yaml nor classes.txt, which name the classes`);
  return (await readText(file)).split(/\r?\n/).flatMap((line) => line.trim() || []);
}

async function layoutOf(file: string, classes: readonly string[] | undefined): Promise<YoloLayout> {
  const text = await readText(file);
  let yaml: unknown;
  try {
    yaml = parse(text, { maxAliasCount: 20 });
  } catch (cause) {
    throw new DataError(`${file}: is no YAML: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
  const data = checked(dataSchema, yaml, file);
  const names = Array.isArray(data.names) ? data.names : numbered(data.names, file);
  const root = data.path
    ? isAbsolute(data.path)
      ? data.path
      : join(dirname(file), data.path)
    : dirname(file);
  const splits = (['train', 'val', 'valid', 'test'] as const).flatMap((split): YoloLayout['splits'] => {
    const places = [data[split] ?? []]
      .flat()
      .map((place) => found(place, [root, dirname(file)], `${file}: ${split}`));
    return places.length > 0 ? [[split === 'valid' ? 'val' : split, places]] : [];
  });
  if (splits.length === 0) throw new DataError(`${file}: names neither train, val nor test`);
  return { names: classes ?? names, splits, keypoints: (data.kpt_shape?.length ?? 0) > 0 };
}

function numbered(names: Record<string, string>, file: string): string[] {
  const list: string[] = [];
  for (const [key, name] of Object.entries(names)) {
    const index = Number(key);
    if (!Number.isInteger(index) || index < 0 || index >= Object.keys(names).length) {
      throw new DataError(
        `${file}: names: the numbers of the classes are not 0 to ${Object.keys(names).length - 1}, but ${key}`,
      );
    }
    list[index] = name;
  }
  return list;
}

/** Roboflow writes `../train/images` of a folder that lies beside the file. */
function found(place: string, roots: readonly string[], where: string): string {
  const steps = [place, place.replace(/^(\.\.\/)+/, '')];
  const candidates = isAbsolute(place)
    ? [place]
    : roots.flatMap((root) => steps.map((step) => join(root, step)));
  const path = candidates.find((candidate) => existsSync(candidate));
  if (!path) throw new DataError(`${where}: ${candidates[0]} does not exist`);
  return path;
}

/** The images of a folder and the folders in it, or those that a list names. */
async function imagesIn(place: string, tell: TellNote): Promise<string[]> {
  if (!statSync(place).isDirectory()) {
    const lines = (await readText(place)).split(/\r?\n/).flatMap((line) => line.trim() || []);
    return lines.map((line, i) => found(line, [dirname(place)], `${place}:${i + 1}`));
  }
  const { folders, images, others, hidden, odd } = await listFolder(place);
  for (const name of others.filter((other) => !/\.(txt|cache|json|yaml)$/i.test(other))) {
    tell('files left out, they are no image of a known kind', join(place, name));
  }
  for (const name of [...hidden, ...odd]) tell('hidden and odd files left out', join(place, name));
  const deeper = await Promise.all(folders.map((folder) => imagesIn(join(place, folder), tell)));
  return [...images.map((image) => join(place, image)), ...deeper.flat()];
}

/** As Ultralytics finds it: the last `images` in the path is `labels`, or the file lies beside the image. */
function labelFileOf(image: string): string {
  const steps = image.split(sep);
  const at = steps.lastIndexOf('images');
  const swapped = at < 0 ? steps : steps.with(at, 'labels');
  return `${stemOf(swapped.join(sep))}.txt`;
}

async function tellStrayLabels(labelled: ReadonlySet<string>, tell: TellNote): Promise<void> {
  for (const folder of new Set([...labelled].map((path) => dirname(path)))) {
    if (!existsSync(folder)) continue;
    for (const name of (await listFolder(folder)).others) {
      const path = join(folder, name);
      if (name.endsWith('.txt') && !/^classes\.txt$/.test(name) && !labelled.has(path)) {
        tell('label files left out, they have no image', path);
      }
    }
  }
}

/** Parts that lie further outside of the image are pixels, or nonsense. */
const BEYOND = 0.05;

async function readLabels(
  path: string,
  { names, keypoints }: YoloLayout,
  problems: DataError[],
  tell: TellNote,
): Promise<Shape[]> {
  const shapes: Shape[] = [];
  for (const [i, line] of (await readText(path)).split(/\r?\n/).entries()) {
    if (!line.trim()) continue;
    const where = `${path}:${i + 1}`;
    const [index, ...all] = line.trim().split(/\s+/).map(Number) as [number, ...number[]];
    const numbers = keypoints ? all.slice(0, 4) : all;
    if (keypoints) tell('keypoints left out', where);
    const label = names[index];
    const outside = numbers.find((value) => !(value >= -BEYOND && value <= 1 + BEYOND));
    if (label === undefined) {
      problems.push(
        new DataError(
          `${where}: class ${line.trim().split(/\s+/)[0]} is out of range: ${names.length} classes are named`,
        ),
      );
    } else if (outside !== undefined) {
      problems.push(new DataError(`${where}: expected parts of the image from 0 to 1, found ${outside}`));
    } else if (numbers.length === 4) {
      const [x, y, w, h] = numbers as [number, number, number, number];
      shapes.push({
        label,
        where,
        sides: { xmin: x - w / 2, ymin: y - h / 2, xmax: x + w / 2, ymax: y + h / 2 },
      });
    } else if (numbers.length >= 6 && numbers.length % 2 === 0) {
      shapes.push({ label, where, polygons: [numbers] });
    } else {
      problems.push(
        new DataError(`${where}: expected a class and a box or an outline, found ${all.length + 1} numbers`),
      );
    }
  }
  return shapes;
}
