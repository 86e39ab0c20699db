import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { EngineUnavailable } from '../../src/engine/engine-info.ts';
import { loadTensorflow } from '../../src/engine/tensorflow.ts';

const missing = (name: string) =>
  Object.assign(new Error(`Cannot find package '${name}' imported from tensorflow.ts`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });

test.serial('every reason is given, in one line and without a stack', async (t) => {
  const without = (reasons: Record<string, Error>) =>
    loadTensorflow({ importPackage: async (name) => Promise.reject(reasons[name] ?? missing(name)) });
  await t.throwsAsync(without({}), {
    instanceOf: EngineUnavailable,
    message: 'tfjs-node-gpu is not installed, tfjs-node is not installed',
  });
  await t.throwsAsync(
    without({
      '@tensorflow/tfjs-node-gpu': new Error(
        'The Node.js native addon module (tfjs_binding.node) can not be found at path: x. \nPlease run …',
      ),
      '@tensorflow/tfjs-node': new Error('libtensorflow.so.2: cannot open shared object file\n  at …'),
    }),
    {
      message:
        'tfjs-node-gpu is installed without its native part, ' +
        'tfjs-node needs the library libtensorflow.so.2, which is not found',
    },
  );
  await t.throwsAsync(without({ '@tensorflow/tfjs-node-gpu': missing('node-fetch') }), {
    message: /^tfjs-node-gpu cannot be loaded: Cannot find package 'node-fetch'/,
  });
});

test.serial('the package for the GPU comes first, the other one when it fails', async (t) => {
  const asked: string[] = [];
  const description = await loadTensorflow({
    threads: 3,
    importPackage: async (name) => {
      asked.push(name);
      if (name === '@tensorflow/tfjs-node-gpu') throw missing(name);
      tf.registerBackend('tensorflow', () =>
        Object.assign(new tf.KernelBackend(), {
          isUsingGpuDevice: true,
          binding: { TF_Version: '2.9.1' },
          dispose: () => undefined,
        }),
      );
    },
  });
  tf.removeBackend('tensorflow');
  t.deepEqual(asked, ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']);
  t.deepEqual(description, {
    name: 'tensorflow',
    backend: 'tensorflow',
    version: 'TensorFlow 2.9.1',
    threads: 3,
    device: 'GPU 0',
  });
});
