import { mkdir, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { GridProgress, logOf } from '../../src/sweep/index.ts';
import { sweepFolders } from './sweep-folder.ts';

const folder = sweepFolders(test);

test('a line for each run that ends, and at the end how many epochs of how many, from the logs', async (t) => {
  const { load } = await folder();
  const sweep = await load('base: tiny.yaml\nseeds: [1, 2, 3]\nsettings: [{ name: a }]\n');
  const [first, second, third] = sweep.runs;
  // The second was interrupted in the middle of its second epoch of two.
  await mkdir(second!.directory, { recursive: true });
  await writeFile(logOf(second!), 'epoch 1/2: loss 0.500\nepoch 2/2: 5/10  loss 0.400\n');
  const out = new PassThrough();
  const stream = Object.assign(out, { isTTY: false, columns: 80 }) as unknown as NodeJS.WriteStream;

  const display = await GridProgress.start(sweep, [first!], stream);
  display.begin(second!);
  display.end(second!, { status: 'finished' });
  display.begin(third!);
  display.end(third!, {
    status: 'failed',
    code: 3,
    reason: 'training ended with exit code 3: DataError: torn',
    trained: false,
  });
  display.stop();
  t.is(
    String(out.read()),
    '[2/3]  a, seed 2: finished in 0:00\n' +
      '[3/3]  a, seed 3: training ended with exit code 3: DataError: torn\n' +
      // Six epochs less the two of the first run and one and a half of the second, rounded up.
      'sweep: 3/3  epochs  3/3 runs, 0:00 left\n',
  );
});
