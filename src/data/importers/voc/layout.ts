import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { DataError, UsageError } from '../../../errors/index.ts';
import { type Listing, listFolder } from '../reading/image-files.ts';

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
export async function listVoc(dir: string, sets: VocSets | undefined): Promise<VocEntry[]> {
  const top = await listFolder(dir);
  const devkit = ['Annotations', 'SegmentationClass'].some((folder) => top.folders.includes(folder));
  const entries = devkit ? await devkitEntries(dir, sets) : await besideEntries(dir, top);
  if (entries.length === 0) {
    throw new DataError(
      `${dir}: holds neither Annotations/*.xml, SegmentationClass/*.png, nor folders with an XML file beside each image`,
    );
  }
  return entries;
}

async function devkitEntries(dir: string, wanted: VocSets | undefined): Promise<VocEntry[]> {
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
    return files
      .filter((file) => file.endsWith(ending))
      .map((file) => entry('train', basename(file, ending)));
  }
  const all: VocEntry[] = [];
  for (const split of splits) {
    const lines = (await readFile(join(dir, 'ImageSets', folder!, `${split}.txt`), 'utf8')).split('\n');
    all.push(...lines.flatMap((line) => (line.trim() ? entry(split, stemOf(line.trim())) : [])));
  }
  return all;
}

/** A line is a name, and in lists of one class a number that says whether it is there; a name may hold blanks. */
function stemOf(line: string): string {
  return line.replace(/\s+(-1|0|1)$/, '');
}

async function besideEntries(dir: string, top: Listing): Promise<VocEntry[]> {
  const inFolder = (split: string, folder: string, { files }: Listing) =>
    files
      .filter((file) => file.toLowerCase().endsWith('.xml'))
      .map(
        (file): VocEntry => ({
          split,
          xml: join(folder, file),
          imageFolder: folder,
          stem: file.slice(0, -4),
        }),
      );
  const here = inFolder('train', dir, top);
  if (here.length > 0) return here;
  const folders = top.folders.map(async (name) =>
    inFolder(name, join(dir, name), await listFolder(join(dir, name))),
  );
  return (await Promise.all(folders)).flat();
}

/**
 * The file that the annotation names, else one called like the annotation, whatever the case of its ending.
 *
 * @throws {DataError} that names the annotation when there is neither
 */
export async function findVocImage(
  { imageFolder, stem, xml }: VocEntry,
  filename: string | undefined,
): Promise<string> {
  if (filename && existsSync(join(imageFolder, filename))) return join(imageFolder, filename);
  const { images } = await folderOf(imageFolder);
  const found = images.find((name) => name.slice(0, -extname(name).length) === stem);
  if (!found) {
    throw new DataError(
      `${xml ?? stem}: its image ${join(imageFolder, filename ?? `${stem}.jpg`)} does not exist`,
    );
  }
  return join(imageFolder, found);
}

const listings = new Map<string, Promise<Listing>>();

function folderOf(folder: string): Promise<Listing> {
  let listing = listings.get(folder);
  if (!listing) {
    listing = listFolder(folder).catch((error) => {
      throw error instanceof UsageError ? new DataError(error.message, { cause: error }) : error;
    });
    listings.set(folder, listing);
  }
  return listing;
}
