import type { Argv } from 'yargs';
import {
  findCvat,
  findHuggingFace,
  findLabelMe,
  findLabelStudio,
  findOpenImages,
  findVia,
  findWebDataset,
  findYolo,
} from '../data/index.ts';
import type { Run } from './import-formats.ts';
import { classes, common, dir, given, named, resize } from './import-options.ts';

const masks = {
  type: 'boolean',
  default: true,
  describe: 'Import outlines as masks; --no-masks for boxes alone',
} as const;
const images = { type: 'string', demandOption: true, describe: 'Folder of the images' } as const;
const annotations = { type: 'string', demandOption: true, describe: 'The annotation file' } as const;
const split = { type: 'string', describe: 'Name of the split [default: train]' } as const;
const groupAttribute = { type: 'string', describe: 'Attribute that groups the images' } as const;

/** Adds a command for each annotation tool and exchange format. */
export function addAnnotationFormats(program: Argv, $0: string, run: Run): Argv {
  const options = { ...common, classes, resize, masks };
  const shared = (args: { classes: string | undefined; resize: number | undefined; masks: boolean }) => ({
    ...given({ resize: args.resize }),
    ...named(args.classes),
    masks: args.masks,
  });
  return program
    .command(
      'yolo',
      'YOLO: data.yaml or classes.txt, images and labels',
      (command) =>
        command
          .options({ ...options, dir: { ...dir, describe: 'Folder that is imported, or its data.yaml' } })
          .example(
            `${$0} yolo --dir datasets/coco8 --out data/coco8`,
            'boxes or outlines, in parts of the image',
          ),
      (args) => run(() => findYolo(args.dir, shared(args)), args),
    )
    .command(
      'labelme',
      'LabelMe: a JSON file beside each image',
      (command) =>
        command.options({ ...options, dir }).example(`${$0} labelme --dir photos --out data/photos`, ''),
      (args) => run(() => findLabelMe(args.dir, shared(args)), args),
    )
    .command(
      'cvat',
      'CVAT for images 1.1: annotations.xml and a folder of images',
      (command) =>
        command
          .options({ ...options, annotations, images, 'group-attribute': groupAttribute })
          .example(`${$0} cvat --annotations annotations.xml --images images --out data/task`, ''),
      (args) =>
        run(
          () =>
            findCvat(args.annotations, args.images, {
              ...shared(args),
              ...given({ groupAttribute: args.groupAttribute }),
            }),
          args,
        ),
    )
    .command(
      'via',
      'VGG Image Annotator: a project or JSON export, and a folder of images',
      (command) =>
        command
          .options({ ...options, annotations, images, split, 'group-attribute': groupAttribute })
          .option('label-attribute', {
            type: 'string',
            describe: 'Attribute of the regions that is the class [default: the only one]',
          })
          .example(`${$0} via --annotations via_project.json --images photos --out data/photos`, ''),
      (args) =>
        run(
          () =>
            findVia(args.annotations, args.images, {
              ...shared(args),
              ...given({
                split: args.split,
                labelAttribute: args.labelAttribute,
                groupAttribute: args.groupAttribute,
              }),
            }),
          args,
        ),
    )
    .command(
      'label-studio',
      'Label Studio: the JSON export, and a folder of images',
      (command) =>
        command
          .options({ ...options, annotations, images, split, 'group-attribute': groupAttribute })
          .example(`${$0} label-studio --annotations project.json --images upload --out data/project`, ''),
      (args) =>
        run(
          () =>
            findLabelStudio(args.annotations, args.images, {
              ...shared(args),
              ...given({ split: args.split, groupAttribute: args.groupAttribute }),
            }),
          args,
        ),
    )
    .command(
      'open-images',
      'Open Images: a folder of images and the CSV files of the set',
      (command) =>
        command
          .options({ ...options, images, split })
          .options({
            labels: { type: 'string', describe: 'Verified image labels (…-human-imagelabels.csv)' },
            boxes: { type: 'string', describe: 'Boxes (…-annotations-bbox.csv)' },
            segmentations: {
              type: 'string',
              describe: 'Segmentations (…-annotations-object-segmentation.csv), PNG beside it or in masks/',
            },
            descriptions: { type: 'string', describe: 'Names of the labels (class-descriptions.csv)' },
          })
          .example(
            `${$0} open-images --images photos --boxes train-annotations-bbox.csv --descriptions class-descriptions.csv --out data/open`,
            '',
          ),
      (args) =>
        run(
          () =>
            findOpenImages(args.images, {
              ...shared(args),
              ...given({
                split: args.split,
                labels: args.labels,
                boxes: args.boxes,
                segmentations: args.segmentations,
                descriptions: args.descriptions,
              }),
            }),
          args,
        ),
    )
    .command(
      'hugging-face',
      'Hugging Face: Parquet files, or folders of images with metadata.csv or metadata.jsonl',
      (command) =>
        command.options({ ...options, dir }).example(`${$0} hugging-face --dir beans --out data/beans`, ''),
      (args) => run(() => findHuggingFace(args.dir, shared(args)), args),
    )
    .command(
      'webdataset',
      'WebDataset: tar files with images and .cls or .json',
      (command) =>
        command.options({ ...options, dir }).example(`${$0} webdataset --dir shards --out data/shards`, ''),
      (args) => run(() => findWebDataset(args.dir, shared(args)), args),
    );
}
