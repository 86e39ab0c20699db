import test from 'ava';
import { leaf } from '../../../src/engine/onnx/graph/lazy-node.ts';
import { add, multiply } from '../../../src/engine/onnx/ops/arithmetic.ts';
import { Evaluator } from '../../../src/engine/onnx/runtime/evaluator.ts';
import type { NativeRuntime } from '../../../src/engine/onnx/runtime/native-runtime.ts';
import { EngineError } from '../../../src/errors/index.ts';

/** A runtime whose every run fails with what a driver says; counts the attempts. */
function failing(message: string) {
  const attempts = { count: 0 };
  const runtime = {
    version: 'test',
    providers: ['cpu', 'webgpu'],
    createSession: () => ({
      loadModel() {},
      run() {
        attempts.count++;
        throw new Error(message);
      },
      endProfiling() {},
      dispose() {},
    }),
    createTensor: (type: string, data: unknown, dims: readonly number[]) => ({ type, data, dims }),
  } as unknown as NativeRuntime;
  const options = {
    threads: 1,
    block: 1,
    maxSessions: 4,
    maxSessionBytes: 2 ** 30,
    provider: 'webgpu' as const,
  };
  return { evaluator: new Evaluator(runtime, options), attempts };
}

for (const [title, message, expected] of [
  [
    'memory that is out',
    'Failed to allocate buffer: Out of memory\n at x',
    /memory of the device \(webgpu\) does not hold this step: about 0\.00\d+ GiB.*half of data\.batchSize needs about .*training\.accumulate: 2.*\(Failed to allocate buffer: Out of memory\)/,
  ],
  [
    'a device that is lost',
    'Device was lost: VK_ERROR_DEVICE_LOST',
    /device \(webgpu\) was lost .* --resume/,
  ],
] as const) {
  test(`${title}: one attempt, one error for all that was asked for`, (t) => {
    const { evaluator, attempts } = failing(message);
    const x = leaf(new Float32Array(1 << 20), [1 << 20], 'float32');
    const roots = [add(x, x), multiply(x, x)];
    evaluator.evaluate(roots);
    t.is(attempts.count, 1);
    for (const { failure } of roots) {
      t.true(failure instanceof EngineError);
      t.regex(failure!.message, expected);
    }
  });
}

test('another error is that of an operation, and is looked for', (t) => {
  const { evaluator, attempts } = failing('something else');
  const x = leaf(new Float32Array(8), [8], 'float32');
  const roots = [add(x, x), multiply(x, x)];
  evaluator.evaluate(roots);
  t.is(attempts.count, 3);
  t.regex(roots[0]!.failure!.message, /Add\(float32\[8\], float32\[8\]\) .* failed: something else/);
});
