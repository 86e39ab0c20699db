import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError } from '../errors/index.ts';
import { tensorflowPackages } from './tensorflow.ts';

const run = promisify(execFile);

/** The tools that the build calls, as they were found on this machine. */
export interface BuildTools {
  readonly python: string;
  readonly pythonVersion: string;
  readonly compiler: string;
  readonly compilerVersion: string;
  /** Folder with `node_api.h`; null where they come from npm. */
  readonly headers: string | null;
}

/** What lies in the package of tfjs-node after a build; written last, so that it stands for a complete one. */
interface BuildRecord {
  readonly requirement: string;
  readonly tensorflow: string;
  readonly built: string;
}

/**
 * What a build writes in the package of tfjs-node. `tensorflow` and `nvidia` are neighbours, as in a Python
 * environment: TensorFlow looks for its CUDA libraries from where it lies.
 */
const places = {
  record: 'deps/setup-tensorflow.json',
  libraries: 'deps/tensorflow',
  cuda: 'deps/nvidia',
  binding: 'lib/napi-v8/tfjs_binding.node',
  bindingBefore: 'lib/napi-v8/tfjs_binding.node.before',
};

const libraryNames = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/** Headers of this version have all that the binding calls; Node's C interface only ever grows. */
const headersPackage = 'node-api-headers@1.9.0';

/**
 * Where tfjs-node is installed: the GPU package before the other, as the engine looks for them.
 *
 * @throws {EngineError} when neither is
 */
export function findTensorflowPackage(from: string = import.meta.url): string {
  const require = createRequire(from);
  for (const name of tensorflowPackages) {
    try {
      return dirname(require.resolve(`${name}/package.json`));
    } catch {
      // The next one.
    }
  }
  throw new EngineError(
    'tfjs-node is not installed: npm install @tensorflow/tfjs-node-gpu@4.22.0 --ignore-scripts',
  );
}

/**
 * Looks for what the build needs, before anything is fetched.
 *
 * @param options.python the Python to use
 * @throws {EngineError} naming what is missing, and what gives it
 */
export async function findTools({ python = 'python3' }: { python?: string } = {}): Promise<BuildTools> {
  if (process.platform !== 'linux') {
    throw new EngineError(
      `setup:tensorflow builds on Linux only, and this is ${process.platform}: npm rebuild @tensorflow/tfjs-node-gpu`,
    );
  }
  const pythonVersion = await ask(
    python,
    ['-c', 'import ensurepip, venv, platform; print(platform.python_version())'],
    `${python} with the modules venv and ensurepip (Debian: apt-get install python3-venv; or --python PATH)`,
  );
  const compiler = process.env.CXX || 'c++';
  const compilerVersion = await ask(
    compiler,
    ['--version'],
    `the C++ compiler ${compiler} (Debian: apt-get install g++; or CXX=PATH)`,
  );
  return {
    python,
    pythonVersion,
    compiler,
    compilerVersion: compilerVersion.split('\n', 1)[0]!,
    headers: findHeaders(),
  };
}

/** The folder of Node's C headers: npm's setting `nodedir`, or where Node was installed. */
function findHeaders(): string | null {
  const roots = [process.env.npm_config_nodedir, join(dirname(process.execPath), '..'), '/usr', '/usr/local'];
  const folders = roots.flatMap((root) => (root ? [join(root, 'include/node')] : []));
  return folders.find((folder) => existsSync(join(folder, 'node_api.h'))) ?? null;
}

export interface BuildOptions {
  /** What pip is asked for. */
  readonly requirement: string;
  /** Whether pip also fetches what the wheel depends on: the CUDA libraries. */
  readonly cuda: boolean;
  /** Told before each step. */
  readonly onStep: (step: string) => void;
  /** Tries what was built, in its place; when it throws, what was there before comes back. */
  readonly check: () => Promise<void>;
}

/**
 * Takes the C library and headers from a TensorFlow wheel and compiles tfjs-node's binding against them, all in a
 * temporary folder in the package; only what is complete is moved in, and it stays only if it passes the check.
 *
 * @param folder the package of tfjs-node
 * @returns the version of TensorFlow
 * @throws {EngineError} with the last lines of the command that failed; the package is then as it was, also where
 *   an earlier build was in it
 */
export async function buildBinding(
  folder: string,
  tools: BuildTools,
  { requirement, cuda, onStep, check }: BuildOptions,
): Promise<string> {
  const temporary = await mkdtemp(join(folder, 'setup-'));
  try {
    onStep(`fetching ${requirement} with pip (a few hundred megabytes)`);
    await call(tools.python, ['-m', 'venv', 'environment'], temporary);
    const python = join(temporary, 'environment/bin/python');
    const pip = [
      '-m',
      'pip',
      'install',
      '--disable-pip-version-check',
      '--only-binary=:all:',
      '--progress-bar=off',
    ];
    await call(python, [...pip, ...(cuda ? [] : ['--no-deps']), requirement], temporary);
    const site = await ask(python, ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], python);
    const wheel = join(site, 'tensorflow');
    const version = await ask(
      python,
      [
        '-c',
        `from importlib.metadata import version; print(version(${JSON.stringify(requirement.split(/[^\w-]/)[0])}))`,
      ],
      `the wheel ${requirement}`,
    );
    for (const name of libraryNames) {
      if (!existsSync(join(wheel, name))) throw new EngineError(`${requirement} holds no ${name}`);
    }

    const headers = tools.headers ?? (await fetchHeaders(temporary, onStep));
    onStep(`compiling tfjs-node's binding against TensorFlow ${version}`);
    await call(tools.compiler, compileArguments(folder, wheel, headers), temporary);

    onStep(`moving it into ${folder}`);
    const record: BuildRecord = { requirement, tensorflow: version, built: new Date().toISOString() };
    await replaceBuild(folder, join(temporary, 'earlier'), async () => {
      for (const name of libraryNames) await move(wheel, name, join(folder, places.libraries));
      if (cuda && existsSync(join(site, 'nvidia'))) await move(site, 'nvidia', join(folder, 'deps'));
      await move(temporary, 'tfjs_binding.node', dirname(join(folder, places.binding)));
      await writeFile(join(folder, places.record), `${JSON.stringify(record, null, 2)}\n`);
      await check();
    });
    return version;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/**
 * Sets aside what an earlier build or download left, so that `build` can write its own in the same places.
 *
 * @param aside an empty or missing folder on the same disk
 * @throws what `build` throws, when all is as it was
 */
export async function replaceBuild(folder: string, aside: string, build: () => Promise<void>): Promise<void> {
  const wasBuilt = existsSync(join(folder, places.record));
  await moveAll(folder, aside);
  try {
    const downloaded = join(aside, wasBuilt ? places.bindingBefore : places.binding);
    if (existsSync(downloaded)) {
      await mkdir(dirname(join(folder, places.bindingBefore)), { recursive: true });
      await copyFile(downloaded, join(folder, places.bindingBefore));
    }
    await build();
  } catch (error) {
    await moveAll(folder, join(aside, 'failed'));
    await moveAll(aside, folder);
    throw error;
  }
}

/**
 * Takes a build out again; a binding that was there before it is put back.
 *
 * @returns whether there was one
 */
export async function removeBuild(folder: string): Promise<boolean> {
  if (!existsSync(join(folder, places.record))) return false;
  for (const place of [places.binding, places.libraries, places.cuda]) {
    await rm(join(folder, place), { recursive: true, force: true });
  }
  if (existsSync(join(folder, places.bindingBefore)))
    await rename(join(folder, places.bindingBefore), join(folder, places.binding));
  await rm(join(folder, places.record));
  return true;
}

/** The version of TensorFlow that a build of this program brought in; null without one. */
export async function builtVersion(folder: string): Promise<string | null> {
  const path = join(folder, places.record);
  if (!existsSync(path)) return null;
  return (JSON.parse(await readFile(path, 'utf8')) as BuildRecord).tensorflow;
}

async function moveAll(from: string, to: string): Promise<void> {
  for (const place of Object.values(places)) {
    if (existsSync(join(from, place))) await move(from, place, to);
  }
}

/** Moves a file or folder, which keeps its path, from one folder into another on the same disk. */
async function move(from: string, path: string, to: string): Promise<void> {
  await mkdir(dirname(join(to, path)), { recursive: true });
  await rename(join(from, path), join(to, path));
}

async function fetchHeaders(temporary: string, onStep: (step: string) => void): Promise<string> {
  onStep(`fetching Node's headers: ${headersPackage} from npm`);
  await call('npm', ['install', '--prefix', '.', '--no-save', '--ignore-scripts', headersPackage], temporary);
  return join(temporary, 'node_modules/node-api-headers/include');
}

function compileArguments(folder: string, wheel: string, headers: string): string[] {
  return [
    '-shared',
    '-fPIC',
    '-O2',
    '-std=c++17',
    '-w',
    '-DNAPI_VERSION=8',
    `-I${headers}`,
    `-I${join(wheel, 'include')}`,
    `-I${folder}`,
    join(folder, 'binding/tfjs_backend.cc'),
    join(folder, 'binding/tfjs_binding.cc'),
    `-L${wheel}`,
    ...libraryNames.map((name) => `-l:${name}`),
    '-Wl,-rpath,$ORIGIN/../../deps/tensorflow',
    '-o',
    'tfjs_binding.node',
  ];
}

/** What a command prints; its failure is that `what` is missing. */
async function ask(command: string, args: string[], what: string): Promise<string> {
  try {
    return (await run(command, args)).stdout.trim();
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const reason = code === 'ENOENT' ? 'not found' : (stderr?.trim().split('\n').at(-1) ?? String(error));
    throw new EngineError(`setup:tensorflow needs ${what}: ${reason}`, { cause: error });
  }
}

/** Runs a command in a folder; what it prints is kept for the error. */
function call(command: string, args: string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    const keep = (text: Buffer) => {
      printed = (printed + text).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const fail = (why: string) => {
      const lines = printed.trim().split('\n').slice(-12).join('\n  ');
      reject(new EngineError(`${command} ${args.slice(0, 3).join(' ')} …: ${why}\n  ${lines}`));
    };
    child.on('error', (error) => fail(error.message));
    child.on('close', (status, signal) =>
      status === 0 ? resolve() : fail(`ended with ${signal ?? status}`),
    );
  });
}
