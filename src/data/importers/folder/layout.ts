import { join } from 'node:path';
import { DataError, UsageError } from '../../../errors/index.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { type Listing, listFolder } from '../reading/image-files.ts';

/** What a level of folders stands for; `-` for nothing. */
export type FolderLevel = 'split' | 'class' | 'group' | '-';

/** An image and what the folders above it say. */
export interface PlacedImage {
  /** Under the folder that is imported, with `/` between its parts. */
  path: string;
  split: string;
  class: string;
  group: string | undefined;
}

export interface FolderLayout {
  levels: readonly FolderLevel[];
  images: PlacedImage[];
  classes: string[];
  /** Class folders without an image. */
  problems: DataError[];
}

/**
 * Reads `split/group/class`.
 *
 * @throws {UsageError} unless each level is known, and `class` is there once, the others at most once
 */
export function readLevels(text: string): FolderLevel[] {
  const levels = text.split('/').map((level) => level.trim()) as FolderLevel[];
  const known = ['split', 'class', 'group', '-'];
  const unknown = levels.find((level) => !known.includes(level));
  const count = (level: FolderLevel) => levels.filter((other) => other === level).length;
  if (unknown !== undefined || count('class') !== 1 || count('split') > 1 || count('group') > 1) {
    throw new UsageError(
      `levels: expected class, and perhaps split, group and - (stands for nothing), with / between them; found "${text}"`,
    );
  }
  return levels;
}

/**
 * Finds the images in the folders of their classes. What is left out, because it lies elsewhere or is no image, is
 * told.
 *
 * @param levels what the levels of folders stand for @default `class` or `split/class`, where it is plain which
 * @throws {DataError} when there are no such folders, or it is not plain which they are
 */
export async function readLayout(
  dir: string,
  levels: readonly FolderLevel[] | undefined,
  tell: TellNote,
): Promise<FolderLayout> {
  const known = levels ?? (await guessLevels(dir));
  const layout: FolderLayout = { levels: known, images: [], classes: [], problems: [] };
  await walk(dir, [], layout, tell);
  layout.classes = [...new Set(layout.classes)].sort();
  if (layout.classes.length === 0) {
    const steps = known.map((level) => `<${level === '-' ? 'folder' : level}>`);
    throw new DataError(`${dir}: holds no class folders: expected ${join(dir, ...steps, '<image>')}`);
  }
  return layout;
}

async function walk(
  dir: string,
  steps: readonly string[],
  layout: FolderLayout,
  tell: TellNote,
): Promise<void> {
  const here = join(dir, ...steps);
  const listing = await listFolder(here);
  tellOdd(listing, here, tell);
  if (steps.length < layout.levels.length) {
    for (const image of listing.images) {
      tell('images left out, they lie outside of the class folders', join(here, image));
    }
    for (const folder of listing.folders) await walk(dir, [...steps, folder], layout, tell);
    return;
  }
  for (const folder of listing.folders) {
    const images = await countImages(join(here, folder));
    tell('folders left out, they lie inside a class folder', `${join(here, folder)} (${images} images)`);
  }
  const of = (level: FolderLevel) => steps[layout.levels.indexOf(level)];
  const name = of('class')!;
  layout.classes.push(name);
  if (listing.images.length === 0)
    layout.problems.push(new DataError(`${here}: the class folder holds no image`));
  for (const image of listing.images) {
    const path = [...steps, image].join('/');
    layout.images.push({ path, split: of('split') ?? 'train', class: name, group: of('group') });
  }
}

/** Tells of what is neither folder nor image. */
export function tellOdd({ others, hidden, odd }: Listing, dir: string, tell: TellNote): void {
  for (const name of others) tell('files left out, they are no image of a known kind', join(dir, name));
  for (const name of hidden) tell('hidden files left out', join(dir, name));
  for (const name of odd) tell('left out, neither a file nor a folder', join(dir, name));
}

async function countImages(dir: string): Promise<number> {
  const { images, folders } = await listFolder(dir);
  let count = images.length;
  for (const folder of folders) count += await countImages(join(dir, folder));
  return count;
}

const SPLIT_NAME = /^(train|training|trainval|val|valid|validation|dev|test|testing|eval)([-_ ]?\w+)?$/i;

/**
 * Whether the folders are classes, or splits that hold the classes. One stray folder or image must not turn the one
 * into the other, so all folders are asked.
 */
async function guessLevels(dir: string): Promise<FolderLevel[]> {
  const { folders } = await listFolder(dir);
  const children = await Promise.all(
    folders.map(async (name) => ({ name, ...(await listFolder(join(dir, name))) })),
  );
  const nested = children.filter((child) => child.folders.length > 0);
  const direct = children.filter((child) => child.images.length > 0);
  if (nested.length === 0) return ['class'];
  if (direct.length === 0) return ['split', 'class'];
  const onlyNested = nested.some(({ images }) => images.length === 0);
  const onlyDirect = direct.some(({ folders }) => folders.length === 0);
  if (onlyDirect && !onlyNested) return ['class'];
  if (onlyNested && !onlyDirect) return ['split', 'class'];
  if (nested.every(({ name }) => SPLIT_NAME.test(name))) return ['split', 'class'];
  const [mixed] = [...nested.filter(({ images }) => images.length > 0), ...nested];
  throw new DataError(
    `${join(dir, mixed!.name)}: holds the folder ${mixed!.folders[0]}, but ${join(dir, direct[0]!.name)} holds images: are the folders classes or splits? (levels class or split/class says it)`,
  );
}
