/**
 * What `npm pack` makes, in a project that has nothing: `npm run test:package`. It packs, installs with npm's own settings
 * and with `--ignore-scripts`, imports every entry as an ES module and by `require`, type-checks a strict project with
 * TypeScript 5 and 6 (nodenext and bundler), and trains with the command. It needs npm's registry and some minutes, so it
 * is not part of `npm test`; CI runs it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  exports: Record<string, unknown>;
};
const entries = Object.keys(manifest.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => join('tfjs-gain', entry));
const work = mkdtempSync(join(tmpdir(), 'gain-package-'));
let failures = 0;

function run(folder: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function check(what: string, body: () => string | undefined): void {
  const start = performance.now();
  try {
    const said = body();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stdout.write(`✔ ${what}${said ? `: ${said}` : ''} (${seconds} s)\n`);
  } catch (error) {
    failures++;
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    process.stdout.write(`✘ ${what}: ${error}\n${stdout}${stderr}\n`);
  }
}

function project(name: string): string {
  const folder = join(work, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "name": "mine", "version": "1.0.0", "type": "module" }\n');
  return folder;
}

const megabytes = (folder: string) => `${run(folder, 'du', '-sm', 'node_modules').split('\t')[0]} MB`;

let tarball = '';
check('npm pack, in a checkout without dist', () => {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(root, 'npm', 'pack', '--silent', '--pack-destination', work);
  tarball = join(work, `tfjs-gain-${manifest.version}.tgz`);
  const files = run(work, 'tar', 'tzf', tarball).split('\n');
  const code = files.filter((file) => file.startsWith('package/dist/') && file.endsWith('.js')).length;
  if (code < 100) throw new Error(`${code} files of code in the package`);
  return `${files.length} files, ${code} of code`;
});

for (const flags of [[], ['--ignore-scripts']]) {
  const folder = project(flags.length === 0 ? 'plain' : 'no-scripts');
  check(`npm install ${flags.join(' ')}`.trim(), () => {
    run(folder, 'npm', 'install', ...flags, tarball);
    const runtime = existsSync(join(folder, 'node_modules/onnxruntime-node'));
    return `${megabytes(folder)}, ONNX Runtime ${runtime ? 'is' : 'is not'} there`;
  });
  check('every entry imports', () => {
    const script = entries.map((entry) => `await import('${entry}');`).join('\n');
    run(folder, process.execPath, '--input-type=module', '--eval', script);
    return entries.join(' ');
  });
  check('the command says its version and what it can do', () => {
    const version = run(folder, 'npx', 'tfjs-gain', '--version').trim();
    if (version !== manifest.version) throw new Error(`--version says ${version}`);
    run(folder, 'npx', 'tfjs-gain', 'train', '--help');
    return version;
  });
}

const folder = join(work, 'no-scripts');
check('require', () => {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  if (major < 20 || (major === 20 && minor < 19) || (major === 22 && minor < 12)) return 'this Node cannot';
  const script = entries.map((entry) => `require('${entry}');`).join('\n');
  run(folder, process.execPath, '--input-type=commonjs', '--eval', script);
  return undefined;
});

check('tfjs-gain train --config gain.yaml', () => {
  writeFileSync(
    join(folder, 'gain.yaml'),
    [
      'name: gain',
      'data:',
      '  dir: data',
      '  options: { train: 64, trainFullsup: 8, val: 16, test: 16, unbiased: 8 }',
      '  splits: { train: [train, train-fullsup], validation: val, test: [test] }',
      '  batchSize: 8',
      'model: { options: { widths: [4, 8] } }',
      'training: { epochs: 1 }',
      'log: { images: 2 }',
    ].join('\n'),
  );
  run(folder, 'npx', 'tfjs-gain', 'train', '--config', 'gain.yaml', '--engine', 'auto');
  const { steps } = JSON.parse(readFileSync(join(folder, 'runs/gain/summary.json'), 'utf8'));
  return `${steps} steps`;
});

writeFileSync(
  join(folder, 'mine.ts'),
  [
    "import * as tf from '@tensorflow/tfjs-core';",
    "import type { LayersModel } from '@tensorflow/tfjs-layers';",
    "import { attentionMaps, GainTrainer, startEngine, type GainTrainerOptions } from 'tfjs-gain';",
    ...entries.map((entry, i) => `import * as entry${i} from '${entry}';`),
    `export const all: object[] = [${entries.map((_, i) => `entry${i}`).join(', ')}];`,
    "export const options: GainTrainerOptions = { link: 'softmax', targetLayer: 'maps' };",
    'export async function train(model: LayersModel, images: tf.Tensor4D): Promise<tf.Tensor> {',
    '  await startEngine();',
    '  await new GainTrainer(model, options).fitDataset([], { epochs: 1 });',
    "  return attentionMaps(model, images, [{ sample: 0, class: 3 }], { method: 'grad-cam++' }).maps;",
    '}',
  ].join('\n'),
);
for (const typescript of ['5', '6']) {
  check(`TypeScript ${typescript} is there`, () => {
    run(
      folder,
      'npm',
      'install',
      '--ignore-scripts',
      '--no-save',
      `typescript@${typescript}`,
      '@types/node@20',
      tarball,
    );
    return undefined;
  });
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    check(`strict types, TypeScript ${typescript}, ${resolution}`, () => {
      const options = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2022', '--types', 'node'];
      run(folder, 'npx', 'tsc', ...options, '--module', module, '--moduleResolution', resolution, 'mine.ts');
      return undefined;
    });
  }
}

if (failures === 0) rmSync(work, { recursive: true });
process.stdout.write(failures === 0 ? 'the package is whole\n' : `${failures} failed; ${work} is left\n`);
process.exitCode = failures === 0 ? 0 : 1;
