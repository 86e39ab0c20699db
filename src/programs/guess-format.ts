import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

/** How a folder or file of data gets into the program. */
export interface DataGuess {
  /** `built-in`: drawn when it is needed. `ready`: a data set of this package. Otherwise a format of `import`. */
  readonly format: 'built-in' | 'ready' | string;
  /** What was seen, in words. */
  readonly seen: string;
  /** What comes after `import`, `--out` left out. */
  readonly importWords: readonly string[];
  /** Whether its splits are its own; otherwise `import` deals them out. */
  readonly ownSplits: boolean;
}

const imageName = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;

/**
 * What kind of data lies in a folder or file, by the names in it.
 *
 * @returns undefined when it looks like nothing that can be imported
 */
export async function guessFormat(path: string): Promise<DataGuess | undefined> {
  const guess = (format: string, seen: string, words: readonly string[], ownSplits = true): DataGuess => ({
    format,
    seen,
    importWords: [format, ...words],
    ownSplits,
  });
  if (/\.csv$/i.test(path)) return guess('csv', 'a CSV file', ['--file', path], false);
  if (/\.json$/i.test(path)) {
    return (await isCoco(path)) ? coco(path, join(path, '..'), guess) : undefined;
  }
  const entries = readdirSync(path, { withFileTypes: true });
  const names = entries.map(({ name }) => name);
  if (names.includes('dataset.json')) {
    return { format: 'ready', seen: 'a data set of this package', importWords: [], ownSplits: true };
  }
  if (names.includes('Annotations') || names.some((name) => /\.xml$/i.test(name))) {
    return guess('voc', 'Pascal VOC annotations', ['--dir', path]);
  }
  if (names.includes('bounding_boxes.txt') && names.includes('images.txt')) {
    return guess('cub', 'CUB-200-2011', ['--dir', path]);
  }
  if (names.some((name) => /-ubyte(\.gz)?$/.test(name))) {
    return guess('idx', 'files of the MNIST family', ['--dir', path]);
  }
  if (names.some((name) => /^(data_batch_1|train)\.bin$/.test(name))) {
    return guess('cifar', 'CIFAR', ['--dir', path]);
  }
  if (names.some((name) => /\.tfrecord/.test(name))) {
    return guess('tfrecord', 'TFRecord files', ['--dir', path]);
  }
  const table = names.find((name) => /\.csv$/i.test(name));
  if (table) return guess('csv', `a CSV file, ${table}`, ['--file', join(path, table)], false);
  for (const name of names.filter((name) => /\.json$/i.test(name))) {
    if (await isCoco(join(path, name))) return coco(join(path, name), path, guess);
  }
  return classFolders(path, entries, guess);
}

type Guess = (format: string, seen: string, words: readonly string[], ownSplits?: boolean) => DataGuess;

function coco(file: string, folder: string, guess: Guess): DataGuess {
  const images = readdirSync(folder, { withFileTypes: true }).find(
    (entry) => entry.isDirectory() && /^(images|train|val)/.test(entry.name),
  );
  const dir = images ? join(folder, images.name) : folder;
  const words = ['--images', dir, '--annotations', file];
  return guess('coco', `COCO annotations, ${basename(file)}`, words, false);
}

/** `split/class/image` where the folders are called like splits, `class/image` otherwise. */
function classFolders(path: string, entries: readonly Dirent[], guess: Guess): DataGuess | undefined {
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const holdsImages = (folder: string) =>
    readdirSync(join(path, folder)).some((name) => imageName.test(name));
  const splits = folders.filter((name) => /^(train|val|valid|validation|test)$/i.test(name));
  if (splits.length > 0) {
    return guess('folder', `folders of splits (${splits.join(', ')})`, ['--dir', path]);
  }
  const classes = folders.filter(holdsImages);
  if (classes.length < 2) return undefined;
  const few = classes.slice(0, 3).join(', ');
  return guess('folder', `${classes.length} folders of images (${few} …)`, ['--dir', path], false);
}

/** Whether a JSON file is COCO's, by its beginning. */
async function isCoco(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const file = await open(resolve(path), 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(65536), 0, 65536, 0);
    return /"(images|annotations|categories)"\s*:\s*\[/.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}
