import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { builtVersion, findTools, removeBuild, replaceBuild } from '../../src/engine/index.ts';
import { EngineError } from '../../src/errors/index.ts';

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip;

onLinux('a tool that is missing is named, with what gives it', async (t) => {
  await t.throwsAsync(findTools({ python: '/nowhere/python3' }), {
    instanceOf: EngineError,
    message: /^setup:tensorflow needs \/nowhere\/python3 with the modules venv .*--python PATH\): not found$/,
  });
  const before = process.env.CXX;
  t.teardown(() => {
    if (before === undefined) delete process.env.CXX;
    else process.env.CXX = before;
  });
  process.env.CXX = '/nowhere/c++';
  // `true` stands for a Python that has everything.
  await t.throwsAsync(findTools({ python: 'true' }), {
    instanceOf: EngineError,
    message: /^setup:tensorflow needs the C\+\+ compiler \/nowhere\/c\+\+ .*CXX=PATH\): not found$/,
  });
});

/** An empty folder that stands for the package of tfjs-node, gone after the test. */
function makePackage(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-node-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const read = (file: string) =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : null;
  const writeBuild = (version: string) => {
    write('lib/napi-v8/tfjs_binding.node', version);
    write('deps/tensorflow/libtensorflow_cc.so.2', version);
    write('deps/setup-tensorflow.json', JSON.stringify({ tensorflow: version }));
  };
  return { folder, write, read, writeBuild };
}

test('a build is taken out, and the binding that was there before is put back', async (t) => {
  const { folder, write, read, writeBuild } = makePackage(t);
  write('lib/napi-v8/tfjs_binding.node', 'downloaded');
  write('deps/lib/libtensorflow.so.2', 'downloaded');
  t.is(await builtVersion(folder), null);
  t.false(await removeBuild(folder), 'what this program did not build is left alone');
  t.is(read('lib/napi-v8/tfjs_binding.node'), 'downloaded');

  write('lib/napi-v8/tfjs_binding.node.before', 'downloaded');
  writeBuild('2.21.0');
  t.is(await builtVersion(folder), '2.21.0');
  t.true(await removeBuild(folder));
  t.is(read('lib/napi-v8/tfjs_binding.node'), 'downloaded');
  t.is(read('deps/lib/libtensorflow.so.2'), 'downloaded');
  t.false(existsSync(join(folder, 'deps/tensorflow')));
  t.is(await builtVersion(folder), null);
});

test('a build that fails leaves the earlier one, and what that one replaced', async (t) => {
  const { folder, write, read, writeBuild } = makePackage(t);
  write('lib/napi-v8/tfjs_binding.node', 'downloaded');
  const replace = (version: string, check: () => void) =>
    replaceBuild(folder, join(folder, `setup-${version}`), async () => {
      t.is(read('deps/tensorflow/libtensorflow_cc.so.2'), null, 'nothing of the earlier one is in the way');
      writeBuild(version);
      check();
    });
  const fail = () => {
    throw new EngineError('it does not work');
  };

  await t.throwsAsync(replace('2.19.0', fail), { message: 'it does not work' });
  t.is(await builtVersion(folder), null);
  t.is(read('lib/napi-v8/tfjs_binding.node'), 'downloaded');
  t.is(read('lib/napi-v8/tfjs_binding.node.before'), null);

  await replace('2.20.0', () => undefined);
  t.is(read('lib/napi-v8/tfjs_binding.node.before'), 'downloaded');
  await t.throwsAsync(replace('2.21.0', fail), { message: 'it does not work' });
  t.is(await builtVersion(folder), '2.20.0');
  t.is(read('lib/napi-v8/tfjs_binding.node'), '2.20.0');
  t.is(read('deps/tensorflow/libtensorflow_cc.so.2'), '2.20.0');

  await replace('2.22.0', () => undefined);
  t.is(await builtVersion(folder), '2.22.0');
  t.true(await removeBuild(folder));
  t.is(read('lib/napi-v8/tfjs_binding.node'), 'downloaded');
  t.is(read('deps/tensorflow/libtensorflow_cc.so.2'), null);
});
