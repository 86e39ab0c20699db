import type { Argv } from 'yargs';
import {
  cocoSplit,
  findCifar,
  findClips,
  findCoco,
  findCsv,
  findCub,
  findDecoy,
  findFolders,
  findIdx,
  findTfrecords,
  findVoc,
  type ImportSource,
} from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { type CommonArguments, classes, common, dir, given, named, pairs, resize } from './import-options.ts';

/** Looks around in what is imported, telling how far it is. */
type Find = (onProgress: (done: number, total: number) => void) => Promise<ImportSource>;

/** Imports what `find` finds. */
export type Run = (find: Find, args: CommonArguments) => Promise<void>;

/** Adds a command for each format. `run` imports what `find` finds. */
export function addFormats(program: Argv, $0: string, run: Run): Argv {
  return program
    .command(
      'voc',
      'Pascal VOC: the development kit, or an XML file beside each image',
      (command) =>
        command
          .options({ ...common, dir, classes, resize })
          .option('drop-difficult', {
            type: 'boolean',
            default: false,
            describe: 'Leave out objects marked difficult',
          })
          .option('sets', {
            choices: ['Main', 'Segmentation'] as const,
            describe: 'Which lists of ImageSets make the splits [default: Main, if it is there]',
          })
          .example(
            `${$0} voc --dir VOCdevkit/VOC2012 --out data/voc`,
            'XML, JPEG, lists and masks of the kit',
          )
          .example(`${$0} voc --dir photos --out data/photos`, 'photos/train/1.jpg, photos/train/1.xml, …'),
      (args) =>
        run(
          (onProgress) =>
            findVoc(args.dir, {
              ...given({ resize: args.resize, sets: args.sets }),
              ...named(args.classes),
              dropDifficult: args.dropDifficult,
              onProgress,
            }),
          args,
        ),
    )
    .command(
      'coco',
      'COCO: an annotation file and a folder of images, or several of both',
      (command) =>
        command
          .options({ ...common, resize })
          .option('images', {
            type: 'string',
            array: true,
            demandOption: true,
            describe: 'Folder of the images, one for each --annotations',
          })
          .option('annotations', {
            type: 'string',
            array: true,
            demandOption: true,
            describe: 'Annotation file (instances_….json)',
          })
          .option('split', {
            type: 'string',
            array: true,
            describe: 'Name of the split of each [default: train, val or test, as in the file name]',
          })
          .option('masks', {
            type: 'boolean',
            default: true,
            describe: 'Import polygons and RLE as masks; --no-masks for boxes alone',
          })
          .option('group-attribute', {
            type: 'string',
            describe: 'Attribute of the images that groups them, itself or in their "attributes" or "extra"',
          })
          .example(`${$0} coco --images val2017 --annotations instances_val2017.json --out data/coco`, ''),
      (args) => {
        if (args.images.length !== args.annotations.length) {
          throw new UsageError(
            `--images is given ${args.images.length} times, --annotations ${args.annotations.length} times`,
          );
        }
        const parts = args.annotations.map((annotations, i) => ({
          annotations,
          images: args.images[i]!,
          split: args.split?.[i] ?? cocoSplit(annotations),
        }));
        const options = {
          ...given({ resize: args.resize, groupAttribute: args.groupAttribute }),
          masks: args.masks,
        };
        return run((onProgress) => findCoco(parts, { ...options, onProgress }), args);
      },
    )
    .command(
      'cub',
      'CUB-200-2011: images.txt, image_class_labels.txt, bounding_boxes.txt, …',
      (command) =>
        command
          .options({ ...common, dir, resize })
          .option('masks', {
            type: 'string',
            describe: 'Folder of the segmentations [default: segmentations in or beside --dir]',
          })
          .example(`${$0} cub --dir CUB_200_2011 --out data/cub`, ''),
      (args) => run(() => findCub(args.dir, given({ resize: args.resize, masks: args.masks })), args),
    )
    .command(
      'folder',
      'A folder for each class, or for each split and class',
      (command) =>
        command
          .options({ ...common, dir, resize })
          .option('masks', {
            type: 'string',
            describe:
              'Folder laid out like --dir with a mask for some images, of the same name or with _mask behind it',
          })
          .option('confounders', {
            type: 'string',
            describe:
              'Folder like --masks, of what must not matter in the images (data.masks.use: confounders)',
          })
          .option('levels', {
            type: 'string',
            describe: 'What the folders stand for, e.g. split/group/class [default: class or split/class]',
          })
          .example(
            `${$0} folder --dir pets --fractions train=0.8,test=0.2 --out data/pets`,
            'pets/cat/1.jpg',
          ),
      (args) =>
        run(
          () =>
            findFolders(
              args.dir,
              given({
                resize: args.resize,
                masks: args.masks,
                confounders: args.confounders,
                levels: args.levels,
              }),
            ),
          args,
        ),
    )
    .command(
      'clips',
      'Clips and volumes: folders of frames, GIF, NIfTI, .npy, videos; in a folder for each class, or split and class',
      (command) =>
        command
          .options({ ...common, dir })
          .option('masks', {
            type: 'string',
            describe: 'Folder laid out like --dir with masks of some clips, in every frame',
          })
          .option('frames', {
            type: 'number',
            describe: 'Bring each clip to so many frames [default: as it has them]',
          })
          .option('size', {
            type: 'number',
            array: true,
            describe: 'Bring frames to this height and width [default: as they are]',
          })
          .option('fps', {
            type: 'number',
            describe: 'Frames in a second of a video [default: as it has them]',
          })
          .option('scaling', {
            choices: ['stretch', 'none'] as const,
            default: 'stretch' as const,
            describe: 'Of values that are no bytes: smallest to largest as 0 to 1, or as they are',
          })
          .example(
            `${$0} clips --dir gestures --frames 16 --size 64 64 --out data/gestures`,
            'gestures/wave/1.gif',
          ),
      ({ size, ...args }) => {
        if (size !== undefined && size.length !== 1 && size.length !== 2) {
          throw new UsageError(`--size: expected height and width, received ${size.length} numbers`);
        }
        const [height, width = height] = size ?? [];
        return run(
          () =>
            findClips(args.dir, {
              ...given({ masks: args.masks, frames: args.frames, fps: args.fps }),
              ...(height !== undefined && { size: [height, width!] as const }),
              scaling: args.scaling,
            }),
          args,
        );
      },
    )
    .command(
      'csv',
      'A CSV file with a row for each image or object',
      (command) =>
        command
          .options({ ...common, classes, resize })
          .option('file', { type: 'string', demandOption: true, describe: 'The CSV file, with a header' })
          .option('images', {
            type: 'string',
            describe: 'Folder that the file names are relative to [default: that of the CSV file]',
          })
          .option('columns', {
            type: 'string',
            describe: 'Columns that are not called as usual, e.g. file=photo,label=breed',
          })
          .option('boxes', {
            choices: ['pixels', 'normalized'] as const,
            default: 'pixels' as const,
            describe: 'Boxes in pixels from 0, or from 0 to 1',
          })
          .option('label-separator', { type: 'string', describe: 'Between several labels in a cell' })
          .option('delimiter', { type: 'string', default: ',', describe: 'Between the cells' })
          .option('encoding', {
            type: 'string',
            describe: 'Of the file, where it is not UTF-8, e.g. windows-1252',
          })
          .example(
            `${$0} csv --file photos.csv --out data/photos`,
            'file,label,split,group,xmin,ymin,xmax,ymax or x,y,w,h',
          ),
      ({ columns, ...args }) =>
        run(
          () =>
            findCsv(args.file, {
              ...given({
                images: args.images,
                labelSeparator: args.labelSeparator,
                resize: args.resize,
                encoding: args.encoding,
              }),
              ...named(args.classes),
              ...(columns && { columns: Object.fromEntries(pairs('columns', columns)) }),
              boxes: args.boxes,
              delimiter: args.delimiter === '\\t' ? '\t' : args.delimiter,
            }),
          args,
        ),
    )
    .command(
      'tfrecord',
      'TFRecords as TFDS or the TF Object Detection API write them',
      (command) =>
        command
          .options({ ...common, dir, classes, resize })
          .option('label-map', { type: 'string', describe: 'Label map (.pbtxt) of the Object Detection API' })
          .example(`${$0} tfrecord --dir ~/tensorflow_datasets/voc/2007/5.0.0 --out data/voc`, 'TFDS')
          .example(`${$0} tfrecord --dir records --label-map map.pbtxt --out data/pets`, ''),
      (args) =>
        run(
          (onProgress) =>
            findTfrecords(args.dir, {
              ...given({ labelMap: args.labelMap, resize: args.resize }),
              ...named(args.classes),
              onProgress,
            }),
          args,
        ),
    )
    .command(
      'idx',
      'The MNIST family: IDX files, compressed or not',
      (command) =>
        command
          .options({ ...common, dir, classes })
          .example(
            `${$0} idx --dir downloads/mnist --out data/mnist`,
            'train and t10k become train and test',
          ),
      (args) => run(() => findIdx(args.dir, named(args.classes).classes), args),
    )
    .command(
      'decoy',
      'Decoy-MNIST, Decoy-Fashion-MNIST: IDX files, with a patch that gives the class away',
      (command) =>
        command
          .options({ ...common, classes })
          .option('from', { type: 'string', demandOption: true, describe: 'Folder of the IDX files' })
          .option('seed', {
            type: 'number',
            default: 1,
            describe: 'Seed of the corners, and of the greys of the test',
          })
          .option('masks', {
            choices: ['patch', 'object'] as const,
            default: 'patch' as const,
            describe: 'What the masks of the training splits mark; elsewhere it is the patch',
          })
          .option('feedback', {
            choices: ['correct', 'incomplete', 'wrong'] as const,
            default: 'correct' as const,
            describe: 'How good the masks of the training splits are',
          })
          .example(
            `${$0} decoy --from downloads/mnist --fractions train=0.9,val=0.1 --fractions-of train --out data/decoy`,
            'a patch in a corner, its grey the label in train and val, random in test',
          ),
      (args) => {
        const { from, seed, masks, feedback } = args;
        return run(() => findDecoy(from, { seed, masks, feedback, ...named(args.classes) }), args);
      },
    )
    .command(
      'cifar',
      'CIFAR-10 or CIFAR-100, the binary version',
      (command) =>
        command
          .options({ ...common, dir })
          .option('labels', {
            choices: ['fine', 'coarse'] as const,
            default: 'fine' as const,
            describe: 'Which of the two labels of CIFAR-100',
          })
          .example(`${$0} cifar --dir cifar-10-batches-bin --out data/cifar10`, ''),
      (args) => run(() => findCifar(args.dir, { labels: args.labels }), args),
    );
}
