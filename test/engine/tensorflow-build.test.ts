import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { builtVersion, findTools, removeBuild } from '../../src/engine/index.ts';
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

test('a build is taken out, and the binding that was there before is put back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-node-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  write('lib/napi-v8/tfjs_binding.node', 'downloaded');
  write('deps/lib/libtensorflow.so.2', 'downloaded');
  t.is(await builtVersion(folder), null);
  t.false(await removeBuild(folder), 'what this program did not build is left alone');
  t.true(existsSync(join(folder, 'lib/napi-v8/tfjs_binding.node')));

  write('lib/napi-v8/tfjs_binding.node.before', 'downloaded');
  write('lib/napi-v8/tfjs_binding.node', 'built');
  write('deps/tensorflow/libtensorflow_cc.so.2', 'built');
  write('deps/setup-tensorflow.json', '{ "tensorflow": "2.21.0" }');
  t.is(await builtVersion(folder), '2.21.0');
  t.true(await removeBuild(folder));
  t.is(readFileSync(join(folder, 'lib/napi-v8/tfjs_binding.node'), 'utf8'), 'downloaded');
  t.true(existsSync(join(folder, 'deps/lib/libtensorflow.so.2')));
  t.false(existsSync(join(folder, 'deps/tensorflow')));
  t.is(await builtVersion(folder), null);
});
