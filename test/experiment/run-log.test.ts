import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseConfig } from '../../src/config/index.ts';
import { RunLog } from '../../src/experiment/run-log.ts';
import { buildModel } from '../../src/models/index.ts';
import { RunDirectory } from '../../src/run/run-directory.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { field, fields, splitRecords } from '../tensorboard/decode-events.ts';

test.before(() => startTestEngine('cpu'));

test('a run writes its network for the graph tab, once, when it begins', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'run-log-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  const directory = await RunDirectory.open(path, 'new');
  const model = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [2, 3] });
  const log = await RunLog.begin(directory, parseConfig('name: graph\n', 'config.yaml'), 'cpu', model);
  await log.stop(new Error('enough'));
  directory.release();

  const file = (await readdir(path)).find((name) => name.startsWith('events.out.tfevents.'))!;
  const { records } = splitRecords(await readFile(join(path, file)));
  const graphs = records.flatMap((record) => (field(record, 4) as Buffer | undefined) ?? []);
  t.is(graphs.length, 1);
  const nodes = fields(graphs[0]!).filter((entry) => entry.field === 1);
  const names = nodes.map(({ value }) => String(field(value as Buffer, 1)));
  t.deepEqual(names.toSorted(), model.layers.map(({ name }) => name).toSorted());
});
