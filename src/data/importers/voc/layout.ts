import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { DataError, UsageError } from '../../../errors/index.ts';
import { readText } from '../../text-file.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { type Listing, listFolder, stemOf } from '../reading/image-files.ts';

/** An image of a VOC data set, before anything of it is read. */
export interface VocEntry {
  split: string;
  /** Its annotation; absent where there is only a segmentation. */
  xml?: string;
  /** Where the image may lie, without its ending; the annotation knows its name too. */
  imageFolder: string;
  stem: string;
}

/** Which lists of `ImageSets` make the splits. */
export type VocSets = 'Main' | 'Segmentation';

/**
 * Lists the images of a VOC data set in either layout; see `findVoc`.
 *
 * @throws {DataError} when the folder holds neither
 */
export async function listVoc(dir: string, sets: VocSets | undefined, tell: TellNote): Promise<VocEntry[]> {
  const top = await listFolder(dir);
  const devkit = ['Annotations', 'SegmentationClass'].some((folder) => top.folders.includes(folder));
  const entries = devkit ? await devkitEntries(dir, sets, tell) : await besideEntries(dir, top, tell);
  if (entries.length === 0) {
    throw new DataError(
      `${dir}: holds neither Annotations/*.xml, SegmentationClass/*.png, nor folders with an XML file beside each image`,
    );
  }
  return entries;
}

async function devkitEntries(dir: string, wanted: VocSets | undefined, tell: TellNote): Promise<VocEntry[]> {
  const entry = (split: string, stem: string): VocEntry => {
    const xml = join(dir, 'Annotations', `${stem}.xml`);
    const segmented = !existsSync(xml) && existsSync(join(dir, 'SegmentationClass', `${stem}.png`));
    return { split, stem, imageFolder: join(dir, 'JPEGImages'), ...(!segmented && { xml }) };
  };
  const folder = (['Main', 'Segmentation'] as const).find(
    (sets) => (wanted ?? sets) === sets && existsSync(join(dir, 'ImageSets', sets)),
  );
  if (wanted && !folder) throw new UsageError(`${join(dir, 'ImageSets', wanted)}: no such folder`);
  const lists = folder ? (await listFolder(join(dir, 'ImageSets', folder))).files : [];
  // Lists like aeroplane_train.txt repeat a split for one class; trainval.txt repeats train.txt and val.txt.
  const names = lists.filter((file) => /^[^_]+\.txt$/.test(file)).map((file) => basename(file, '.txt'));
  const splits = names.filter(
    (name) => name !== 'trainval' || !(names.includes('train') && names.includes('val')),
  );
  if (splits.length === 0) {
    const [source, ending] = existsSync(join(dir, 'Annotations'))
      ? ['Annotations', '.xml']
      : ['SegmentationClass', '.png'];
    const { files } = await listFolder(join(dir, source));
    const all = files
      .filter((file) => file.endsWith(ending))
      .map((file) => entry('train', basename(file, ending)));
    await tellStrays(dir, all, 'annotation', tell);
    return all;
  }
  const all: VocEntry[] = [];
  for (const split of splits) {
    const lines = (await readText(join(dir, 'ImageSets', folder!, `${split}.txt`))).split('\n');
    all.push(...lines.flatMap((line) => (line.trim() ? entry(split, stemOfLine(line.trim())) : [])));
  }
  await tellStrays(dir, all, 'line in a list', tell);
  return all;
}

/** Tells of annotations, masks and images of the kit that belong to no entry. */
async function tellStrays(
  dir: string,
  entries: readonly VocEntry[],
  lacking: string,
  tell: TellNote,
): Promise<void> {
  const stems = new Set(entries.map(({ stem }) => stem));
  const folders = {
    Annotations: 'annotations',
    JPEGImages: 'images',
    SegmentationClass: 'masks',
    SegmentationObject: 'masks',
  };
  for (const [folder, what] of Object.entries(folders)) {
    if (!existsSync(join(dir, folder))) continue;
    const { files, folders: inner, odd } = await listFolder(join(dir, folder));
    for (const name of [...files, ...inner, ...odd]) {
      if (!stems.has(stemOf(name)))
        tell(`${what} left out, they have no ${lacking}`, join(dir, folder, name));
    }
  }
}

/** A line is a name, and in lists of one class a number that says whether it is there; a name may hold blanks. */
function stemOfLine(line: string): string {
  return line.replace(/\s+(-1|0|1)$/, '');
}

async function besideEntries(dir: string, top: Listing, tell: TellNote): Promise<VocEntry[]> {
  const inFolder = (split: string, folder: string, { files, images, folders }: Listing) => {
    const annotations = files.filter((file) => file.toLowerCase().endsWith('.xml'));
    if (annotations.length > 0) {
      const stems = new Set(annotations.map(stemOf));
      for (const image of images) {
        if (!stems.has(stemOf(image))) tell('images left out, they have no annotation', join(folder, image));
      }
      for (const inner of folders)
        tell('folders left out, there are annotations above them', join(folder, inner));
    }
    return annotations.map(
      (file): VocEntry => ({ split, xml: join(folder, file), imageFolder: folder, stem: file.slice(0, -4) }),
    );
  };
  const here = inFolder('train', dir, top);
  if (here.length > 0) return here;
  const all: VocEntry[] = [];
  for (const name of top.folders) {
    const found = inFolder(name, join(dir, name), await listFolder(join(dir, name)));
    if (found.length === 0) tell('folders left out, they hold no annotation', join(dir, name));
    all.push(...found);
  }
  return all;
}

/** What the folders of the images hold, each listed once in an import. */
export class ImageFolders {
  readonly #listings = new Map<string, Promise<Listing>>();

  of(folder: string): Promise<Listing> {
    let listing = this.#listings.get(folder);
    if (!listing) {
      listing = listFolder(folder).catch((error) => {
        throw error instanceof UsageError ? new DataError(error.message, { cause: error }) : error;
      });
      this.#listings.set(folder, listing);
    }
    return listing;
  }
}

/**
 * The file that the annotation names, else one called like the annotation, whatever the case of its ending.
 *
 * @throws {DataError} that names the annotation when there is neither
 */
export async function findVocImage(
  { imageFolder, stem, xml }: VocEntry,
  filename: string | undefined,
  folders: ImageFolders,
): Promise<string> {
  if (filename && existsSync(join(imageFolder, filename))) return join(imageFolder, filename);
  const { images } = await folders.of(imageFolder);
  const found = images.find((name) => name.slice(0, -extname(name).length) === stem);
  if (!found) {
    throw new DataError(
      `${xml ?? stem}: its image ${join(imageFolder, filename ?? `${stem}.jpg`)} does not exist`,
    );
  }
  return join(imageFolder, found);
}
