import test from 'ava';
import { EngineUnavailable } from '../../src/engine/engine-info.ts';
import { EventPump } from '../../src/engine/webgpu/event-pump.ts';
import { loadWebgpu } from '../../src/engine/webgpu.ts';

const missing = (name: string) =>
  Object.assign(new Error(`Cannot find package '${name}' imported from webgpu.ts`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });

test.serial(
  'why it cannot be had is one line: a package, a driver, or the name of the adapter',
  async (t) => {
    const load = (requestAdapter: () => Promise<null>, device: string | null = null) =>
      loadWebgpu({
        device,
        importPackage: async (name) =>
          name === 'webgpu' ? { create: () => ({ requestAdapter }), globals: {} } : {},
      });
    await t.throwsAsync(loadWebgpu({ importPackage: async (name) => Promise.reject(missing(name)) }), {
      instanceOf: EngineUnavailable,
      message: 'webgpu is not installed',
    });
    const broken = async (name: string) => {
      if (name === 'webgpu') return {};
      throw new Error('libfoo.so: cannot open shared object file\n  at …');
    };
    await t.throwsAsync(loadWebgpu({ importPackage: broken }), {
      message: '@tensorflow/tfjs-backend-webgpu cannot be loaded: libfoo.so: cannot open shared object file',
    });
    await t.throwsAsync(
      load(async () => null),
      { instanceOf: EngineUnavailable, message: /^no adapter was found: it takes a driver for Vulkan/ },
    );
    const listed = "no suitable backends found\nAvailable adapters:\n * backend: 'vulkan', name: 'Big GPU'";
    await t.throwsAsync(
      load(async () => Promise.reject(new Error(listed)), 'Small'),
      { message: 'no adapter is named "Small"; there are Big GPU (vulkan)' },
    );
  },
);

test.serial('what was given to setImmediate can be run by hand, and then runs once', async (t) => {
  const pump = new EventPump();
  const seen: string[] = [];
  const { setImmediate } = globalThis;
  pump.watch(() => globalThis.setImmediate(() => seen.push('first')));
  t.is(globalThis.setImmediate, setImmediate, 'the real one is back');
  t.false(pump.isIdle);
  pump.turn();
  t.deepEqual(seen, ['first']);
  t.true(pump.isIdle);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(seen, ['first'], 'the event loop does not run it again');

  // A callback that is not finished asks for another turn; without help, the event loop gives it.
  pump.watch(() =>
    globalThis.setImmediate(() => {
      seen.push('second');
      globalThis.setImmediate(() => seen.push('third'));
    }),
  );
  pump.turn();
  t.false(pump.isIdle);
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(seen, ['first', 'second', 'third']);
});
