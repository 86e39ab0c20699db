import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { type Config, parseConfig } from '../../src/config/index.ts';
import { openDataset } from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { runExperiment } from '../../src/experiment/index.ts';
import { suspectsOf } from '../../src/experiment/suspects.ts';
import { buildModel } from '../../src/models/index.ts';
import { RunDirectory } from '../../src/run/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';

function configOf(folder: string, suspects: string, overrides: string[] = []): Config {
  return parseConfig(
    `
name: x
engine: { name: onnx, threads: 1 }
data:
  dir: ${join(folder, 'boats')}
  options: { size: 16, train: 16, trainFullsup: 16, val: 24, test: 1, unbiased: 1 }
  imageSize: [16, 16]
  batchSize: 8
  workers: 0
  masks: { count: 12 }
  splits: { train: [train-fullsup], validation: val }
  composites: { suspects: ${suspects}, perBatch: 4 }
model: { options: { widths: [3, 4] } }
gain: { losses: { mining: { weight: 0 }, supervision: { weight: 0 } } }
training: { epochs: 1 }
log: { images: 0, histogramsEvery: 0 }
`,
    'x.yaml',
    overrides,
  );
}

const audit = (findings: Record<string, string>) =>
  JSON.stringify({
    split: 'val',
    classes: Object.entries(findings).map(([name, finding]) => ({ class: name, verdict: { finding } })),
  });

test.serial('suspects by an audit: of a file, or of the network when the training begins', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'audit.json');
  const train = async (config: Config, name: string) => {
    const directory = await RunDirectory.open(join(folder, name), 'new');
    const said: string[] = [];
    try {
      await runExperiment(config, directory, { resume: false, log: (line) => said.push(line) });
    } finally {
      directory.release();
    }
    return said;
  };
  await writeFile(
    file,
    audit({ boat: 'follows the ground', car: 'no shortcut found', tree: 'leans on the ground' }),
  );
  const named = configOf(folder, `{ audit: ${file} }`);
  const said = await train(named, 'named');
  t.true(said.includes('suspects boat, tree'), said.join('\n'));
  t.false(existsSync(join(folder, 'named', 'suspects.json')));

  // A network that answers at random leans on nothing: an error before the training, and no run.
  await t.throwsAsync(train(configOf(folder, 'auto'), 'auto'), {
    instanceOf: UsageError,
    message: /^data\.composites\.suspects: the audit of val found no class/,
  });
  t.false(existsSync(join(folder, 'auto', 'config.yaml')));

  await writeFile(file, audit({ boat: 'no shortcut found' }));
  await t.throwsAsync(train(named, 'none'), {
    instanceOf: UsageError,
    message: /audit\.json found no class/,
  });
  await writeFile(file, '{"classes": 3}');
  await t.throwsAsync(train(named, 'bad'), {
    instanceOf: DataError,
    message: /audit\.json: classes: .*: no audit$/,
  });
  await t.throwsAsync(train(configOf(folder, '{ audit: missing.json }'), 'missing'), {
    instanceOf: DataError,
    message: /missing\.json: cannot be read/,
  });
  t.throws(() => configOf(folder, 'auto', ['data.splits.validation=null']), {
    message: /data\.composites\.suspects: .*a validation split/s,
  });
});

test.serial('the audit that a run keeps names its suspects when it goes on', async (t) => {
  const folder = temporaryFolder(t);
  const config = configOf(folder, 'auto');
  const directory = await RunDirectory.open(join(folder, 'first'), 'new');
  await runExperiment(configOf(folder, '[boat]'), directory, { resume: false, log: () => {} });
  directory.release();
  const data = await openDataset(join(folder, 'boats'));
  const model = buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 6, widths: [2] });
  const file = join(folder, 'suspects.json');
  await writeFile(file, audit({ house: 'leans on the ground' }));
  const found = await suspectsOf(config, data, { model, link: 'sigmoid', predicted: undefined, file });
  t.deepEqual(found, { names: ['house'] });
  await data.close();
});
