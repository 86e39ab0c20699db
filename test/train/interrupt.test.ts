import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);
const patience = 300_000;

for (const [signal, epoch] of [
  ['SIGINT', 1],
  ['SIGTERM', 2],
] as const) {
  test.serial(
    `${signal} writes a checkpoint and ends with 130; resumed, the weights are those of a whole run`,
    async (t) => {
      t.timeout(patience);
      const place = workplace();
      const run = `runs/${signal}`;
      const args = ['--config', 'tiny.yaml', '--set', 'training.checkpointEvery=1000'];
      if (!existsSync(place.path('runs/whole')))
        t.is((await place.callHere('train', [...args, '--run', 'runs/whole'])).code, 0);

      // The log says how far the run is: into which epoch the signal falls.
      const ended = await place.train([...args, '--run', run], {
        onStart: (kill) => {
          let sent = false;
          const watch = setInterval(async () => {
            const log = await readFile(place.path(run, 'log.ndjson'), 'utf8').catch(() => '');
            if (!log.includes(`"step":${epoch === 1 ? 2 : 12},`) || sent) return;
            sent = true;
            clearInterval(watch);
            kill(signal);
          }, 5);
        },
      });
      t.is(ended.code, 130);
      t.is(ended.stdout, '');
      const [, step] =
        /^InterruptedError: interrupted after step (\d+), checkpoint written; --resume goes on$/m.exec(
          ended.stderr,
        )!;
      const { last } = JSON.parse(await place.read(run, 'checkpoints', 'index.json'));
      t.is(last, `step-${step!.padStart(8, '0')}`);

      const resumed = await place.callHere('train', ['--resume', '--run', run]);
      t.is(resumed.code, 0, resumed.stderr);
      t.regex(resumed.stderr, new RegExp(`^resumed  after step ${step}: epoch ${epoch}, batch \\d$`, 'm'));
      const weights = (of: string) => readFile(place.path(of, 'model', 'weights.bin'));
      t.true((await weights(run)).equals(await weights('runs/whole')));
      t.is(await place.read(run, 'metrics.ndjson'), await place.read('runs/whole', 'metrics.ndjson'));
    },
  );
}

test.serial('a signal while the data is drawn leaves no run, and no half of a data set', async (t) => {
  t.timeout(patience);
  const place = workplace();
  const args = ['--config', 'tiny.yaml', '--run', 'runs/early', '--set', 'data.dir=early-data'];
  const ended = await place.train([...args, '--set', 'data.options.train=20000'], {
    onStart: (kill) => {
      const watch = setInterval(() => {
        if (!existsSync(place.path('early-data'))) return;
        clearInterval(watch);
        kill('SIGINT');
      }, 5);
    },
  });
  t.regex(ended.stderr, /^InterruptedError: interrupted before the training began$/m);
  t.is(ended.code, 130);
  t.false(existsSync(place.path('runs/early')));
  t.false(existsSync(place.path('early-data', 'dataset.json')));
});

test.serial('a second signal quits at once, and the lock does not stay', async (t) => {
  t.timeout(patience);
  const place = workplace();
  let sent = 0;
  const ended = await place.train(['--config', 'tiny.yaml', '--run', 'runs/twice'], {
    onStderr: (said, kill) => {
      const due = [/^network /m, /^interrupted: /m][sent];
      if (!due?.test(said)) return;
      sent++;
      kill('SIGINT');
    },
  });
  t.is(sent, 2);
  t.is(ended.code, 130);
  t.notRegex(ended.stderr, /Error/);
  t.false(existsSync(place.path('runs/twice', '.lock')));
});
