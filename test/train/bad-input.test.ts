import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { DatasetWriter, decodeExample, type ImageExample, readRecords } from '../../src/data/index.ts';
import { type CallOptions, workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);
const patience = 180_000;

interface Refusal {
  /** Options beside `--config tiny.yaml --run runs/<number>`. */
  readonly args?: readonly string[];
  readonly code: number;
  /** What the last lines of stderr are: the whole of the message. */
  readonly message: RegExp;
  /** Whether the run had begun and left its records. @default false */
  readonly begun?: boolean;
  /** Given for a call in a process of its own; one for each exit code is. @default called in this process */
  readonly call?: CallOptions;
}

let runs = 0;

/** Calls the program with something wrong, and sees that it says so, ends so, and leaves nothing half-written. */
async function refused(t: ExecutionContext, { args = [], code, message, begun = false, call }: Refusal) {
  t.timeout(patience);
  const place = workplace();
  const run = `runs/${runs++}`;
  const words = ['--config', 'tiny.yaml', '--run', run, ...args];
  const ended = await (call ? place.train(words, call) : place.callHere('train', words));
  t.regex(ended.stderr, message);
  t.notRegex(ended.stderr, /^\s+at /m, 'no stack');
  t.is(ended.code, code);
  t.is(ended.stdout, '');
  t.is(existsSync(place.path(run)), begun);
  if (begun) {
    const files = await readdir(place.path(run), { recursive: true });
    t.deepEqual(
      files.filter((file) => /\.tmp$|\.lock$|\.writing/.test(file)),
      [],
    );
  }
}

test.serial('a mistyped key: file, line, column, and what was meant', async (t) => {
  t.timeout(patience);
  const place = workplace();
  await writeFile(place.path('typo.yaml'), 'name: typo\ntraining:\n  epoch: 3\n');
  const ended = await place.train(['--config', 'typo.yaml']);
  t.is(ended.stderr, "ConfigError: typo.yaml:3:3 training.epoch: unknown key; did you mean 'epochs'?\n");
  t.is(ended.code, 2);
  t.false(existsSync(place.path('runs/typo')));
});

test.serial('a config file that is not there', async (t) => {
  t.timeout(patience);
  const ended = await workplace().callHere('train', ['--config', 'nowhere.yaml']);
  t.is(
    ended.stderr,
    'ConfigError: nowhere.yaml: no such config file (looked for nowhere.yaml and configs/nowhere.yaml)\n',
  );
  t.is(ended.code, 2);
});

test.serial('an unknown option', (t) =>
  refused(t, {
    args: ['--epochs', '3'],
    code: 2,
    message: /^UsageError: Unknown argument: epochs \(--help shows the options\)\n$/,
  }),
);

test.serial('an unknown engine, with the near match', (t) =>
  refused(t, {
    args: ['--engine', 'onx'],
    code: 2,
    message:
      /^ConfigError: --engine onx: engine\.name: expected one of auto, onnx, tensorflow, webgpu, cpu, found string "onx"; did you mean 'onnx'\?\n$/,
  }),
);

test.serial('an unknown backbone, with the near match', (t) =>
  refused(t, {
    args: ['--set', 'model.backbone=small-cn'],
    code: 2,
    message: /^UsageError: There is no model "small-cn"; did you mean "small-cnn" or "small-cnn-3d"\?/,
  }),
);

test.serial('an unknown option of the backbone, before any data is made', async (t) => {
  await refused(t, {
    args: ['--set', 'model.options={widhts: [4]}', '--set', 'data.dir=unmade'],
    code: 2,
    message: /^UsageError: model "small-cnn": there is no option "widhts"; did you mean "widths"\?/,
  });
  t.false(existsSync(workplace().path('unmade')));
});

test.serial('an unknown option of the generator', (t) =>
  refused(t, {
    args: ['--set', 'data.options={trian: 4}', '--set', 'data.dir=unmade'],
    code: 2,
    message: /UsageError: .*biased-boats.*trian/,
  }),
);

test.serial('an unknown target layer, with the near match', (t) =>
  refused(t, {
    args: ['--set', 'gain.targetLayer=cnv2_1'],
    code: 2,
    message: /^\w+Error: .*"cnv2_1".*conv2_1/m,
  }),
);

test.serial('a layer to freeze that does not exist', (t) =>
  refused(t, {
    args: ['--set', 'model.freeze=[cnv1_1]'],
    code: 2,
    message: /^ModelError: freeze: no layer matches "cnv1_1"; did you mean "conv1_1"/m,
  }),
);

test.serial('a focus class that does not exist', (t) =>
  refused(t, {
    args: ['--set', 'evaluation.focusClass=bota'],
    code: 2,
    message:
      /^UsageError: evaluation\.focusClass: no class 'bota' in data; it has boat, car, house, tree, plane, animal$/m,
  }),
);

test.serial('a weights folder that is no model', async (t) => {
  await mkdir(workplace().path('no-model'));
  await refused(t, {
    args: ['--set', 'model.weights=no-model'],
    code: 2,
    message: /^ModelError: no-model\/model\.json: this file is missing$/m,
  });
});

test.serial('a batch that is larger than the training set', (t) =>
  refused(t, {
    args: ['--set', 'data.batchSize=100'],
    code: 2,
    message: /^UsageError: data\.batchSize: 100 is more than the 72 images of train, train-fullsup$/m,
  }),
);

test.serial('a data folder that is not there', (t) =>
  refused(t, {
    args: ['--set', 'data.source=tfrecord', '--set', 'data.dir=nowhere'],
    code: 3,
    message:
      /^DataError: nowhere\/dataset\.json: no such file: is this a data set, and was its import finished\?$/m,
    call: {},
  }),
);

test.serial('a split that does not exist', (t) =>
  refused(t, {
    args: ['--set', 'data.splits.test=[tests]'],
    code: 3,
    message: /^DataError: data: no split 'tests'; it has train, .*boat-without-water, water-without-boat$/m,
  }),
);

/** The options that read a folder as it is. */
const from = (folder: string, ...more: string[]) =>
  ['data.source=tfrecord', `data.dir=${folder}`, ...more].flatMap((value) => ['--set', value]);

test.serial(
  'a TFRecord that was cut short, even in a test split: file and record, before the training',
  async (t) => {
    const folder = await workplace().copyData('truncated');
    const shard = join(folder, 'test-00000-of-00001.tfrecord');
    await truncate(shard, (await stat(shard)).size - 5);
    await refused(t, {
      args: from('truncated'),
      code: 3,
      message:
        /^DataError: truncated\/test-00000-of-00001\.tfrecord, record 15: truncated: \d+ of the \d+ bytes of its data and CRC$/m,
    });
  },
);

test.serial('a TFRecord with one flipped bit: file and record', async (t) => {
  const folder = await workplace().copyData('flipped');
  const file = await open(join(folder, 'train-00000-of-00001.tfrecord'), 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 40);
  await file.write(Uint8Array.of(buffer[0]! ^ 1), 0, 1, 40);
  await file.close();
  await refused(t, {
    args: from('flipped'),
    code: 3,
    message:
      /^DataError: flipped\/train-00000-of-00001\.tfrecord, record 0: CRC of the data does not match$/m,
  });
});

/** Writes the data again, one example of a split changed. */
async function rewriteData(
  name: string,
  splitToChange: string,
  record: number,
  change: (example: ImageExample) => Promise<ImageExample>,
): Promise<void> {
  const place = workplace();
  const info = JSON.parse(await place.read('data', 'dataset.json'));
  const splits = Object.keys(info.splits);
  const writer = await DatasetWriter.create(place.path(name), info, splits);
  for (const split of splits) {
    let at = 0;
    for await (const bytes of readRecords(place.path('data', info.splits[split].shards[0]))) {
      const example = decodeExample(bytes, info, split);
      const changed = split === splitToChange && at === record ? await change(example) : example;
      await writer.write(split, changed);
      at++;
    }
  }
  await writer.finish();
}

test.serial(
  'half a JPEG in a valid record: the run stops, and can be resumed once it is repaired',
  async (t) => {
    await rewriteData('half-jpeg', 'train', 7, async (example) => {
      const jpeg = await sharp(example.encoded).jpeg().toBuffer();
      return { ...example, format: 'jpeg', encoded: jpeg.subarray(0, jpeg.length / 2) };
    });
    await refused(t, {
      args: from('half-jpeg'),
      code: 3,
      message: /^DataError: half-jpeg\/train-00000-of-00001\.tfrecord, record 7: .+$/m,
      begun: true,
    });
  },
);

test.serial('a mask of another size than its image', async (t) => {
  await rewriteData('mask-size', 'train-fullsup', 3, async (example) => {
    const [first, ...others] = example.objects;
    const mask = await sharp(first!.mask).resize(32, 48, { fit: 'fill' }).png().toBuffer();
    return { ...example, objects: [{ ...first!, mask }, ...others] };
  });
  await refused(t, {
    args: from('mask-size', 'data.masks={count: all}'),
    code: 3,
    message:
      /^DataError: mask-size\/train-fullsup-00000-of-00001\.tfrecord, record 3, object 0: .*32.*48.*64.*64.*$/m,
    begun: true,
  });
});

test.serial('a class index that is out of range', async (t) => {
  const folder = await workplace().copyData('fewer-classes');
  const path = join(folder, 'dataset.json');
  const info = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...info, classes: info.classes.slice(0, 4) }));
  await refused(t, {
    args: from('fewer-classes'),
    code: 3,
    message:
      /^DataError: fewer-classes\/train-00000-of-00001\.tfrecord, record \d+: feature image\/\S+: class [45] is out of range: the data set has 4 classes, 0 to 3$/m,
  });
});

test.serial('a learning rate that diverges: step, term, last good checkpoint', async (t) => {
  await refused(t, {
    args: [
      '--set',
      'training.optimizer={name: sgd, learningRate: 1e+30}',
      '--set',
      'training.checkpointEvery=1',
    ],
    code: 4,
    message:
      /^DivergenceError: step \d+: the (\w+ loss is|gradient of \S+ is|weight \S+ is not) .+; last good checkpoint: runs\/\d+\/checkpoints\/step-0000000\d$/m,
    begun: true,
    call: {},
  });
});

test.serial('a file where the run directory should be', async (t) => {
  t.timeout(patience);
  await writeFile(workplace().path('occupied'), '');
  const ended = await workplace().callHere('train', ['--config', 'tiny.yaml', '--run', 'occupied/run']);
  t.regex(ended.stderr, /^RunError: occupied\/run: cannot be written: ENOTDIR/m);
  t.is(ended.code, 2);
});

test.serial('a disk that takes no more: the file is named, and no half of it stays', (t) =>
  refused(t, {
    args: ['--set', 'training.checkpointEvery=1'],
    code: 2,
    message: /^RunError: runs\/\d+\/\S+: cannot be written: EFBIG: file too large, write$/m,
    begun: true,
    call: { largestFile: 40 },
  }),
);

test.serial(
  'a run directory: a second process, a run that is there, a resume of nothing, of something else',
  async (t) => {
    t.timeout(patience);
    const place = workplace();
    // Long enough that the first is still at work when the second has started, however fast the machine is.
    const args = ['--config', 'tiny.yaml', '--run', 'runs/held', '--set', 'training.epochs=1000'];
    let second: ReturnType<typeof place.train> | undefined;
    const first = await place.train(args, {
      onStderr(said, kill) {
        if (/^epoch 1/m.test(said)) second ??= place.train(args).finally(() => kill('SIGTERM'));
      },
    });
    t.is(first.code, 130);
    const refusal = await second!;
    t.regex(refusal.stderr, /^RunError: runs\/held: in use by process \d+ on \S+\n$/);
    t.is(refusal.code, 2);

    const again = await place.callHere('train', args);
    t.regex(
      again.stderr,
      /^RunError: runs\/held: holds a run already: --resume continues it, --run DIR puts/,
    );
    t.is(again.code, 2);

    const nothing = await place.callHere('train', [...args.slice(0, 2), '--run', 'runs/none', '--resume']);
    t.is(nothing.stderr, 'RunError: runs/none: it holds no run (there is no config.yaml)\n');
    t.is(nothing.code, 2);
    t.false(existsSync(place.path('runs/none')));

    const other = await place.callHere('train', [...args, '--resume', '--set', 'data.batchSize=4']);
    t.is(
      other.stderr,
      'ConfigError: data.batchSize: 4, but the run was begun with 8 (runs/held/config.yaml); a resumed run goes on as it was begun\n',
    );
    t.is(other.code, 2);
  },
);

test.serial('--overwrite deletes the former run only when the new one can begin', async (t) => {
  t.timeout(patience);
  const place = workplace();
  await mkdir(place.path('runs/former'), { recursive: true });
  await writeFile(place.path('runs/former/config.yaml'), 'name: former\n');
  const args = ['--config', 'tiny.yaml', '--run', 'runs/former', '--overwrite'];
  const failed = await place.callHere('train', [...args, ...from('nowhere')]);
  t.is(failed.code, 3);
  t.is(await place.read('runs/former/config.yaml'), 'name: former\n');
});
