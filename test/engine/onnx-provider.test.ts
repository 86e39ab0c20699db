import test from 'ava';
import { EngineUnavailable } from '../../src/engine/engine-info.ts';
import { loadOnnx } from '../../src/engine/onnx-engine.ts';
import { chooseProvider, type ProviderCheck } from '../../src/engine/onnx-provider.ts';

const processor = { device: null, isSoftware: false, difference: 0, stepMs: 100 };
const choose = (found: ProviderCheck | { problem: string }) =>
  chooseProvider({
    offered: ['cpu', 'webgpu'],
    mayHaveGpu: true,
    check: async (provider) => (provider === 'cpu' ? processor : found),
  });

test('auto takes a real GPU whose gradients are right, and says why it takes none', async (t) => {
  const gpu = { device: 'Big GPU', isSoftware: false, difference: 1e-6, stepMs: 4 };
  t.deepEqual(await choose(gpu), {
    provider: 'webgpu',
    device: 'Big GPU',
    reason: 'a GPU, whose gradients are right, 25 times as fast as the processor',
  });
  t.like(await choose({ ...gpu, difference: 0.1 }), {
    provider: 'cpu',
    reason: 'gradients on Big GPU differ by 0.1',
  });
  t.like(await choose({ ...gpu, difference: Number.NaN }), { provider: 'cpu' });
  t.like(await choose({ ...gpu, device: 'SwiftShader', isSoftware: true }), {
    provider: 'cpu',
    reason: 'WebGPU has only SwiftShader, a software driver',
  });
  t.like(await choose({ ...gpu, device: null }), { provider: 'webgpu', device: null });
  t.like(await choose({ ...gpu, device: null, stepMs: 900 }), {
    provider: 'cpu',
    reason: 'a device of unknown name needs 900 ms for what the processor does in 100',
  });
  t.like(await choose({ problem: 'its process ended with SIGSEGV' }), {
    provider: 'cpu',
    reason: 'WebGPU: its process ended with SIGSEGV',
  });
  const never = async () => {
    throw new Error('asked');
  };
  t.like(await chooseProvider({ offered: ['cpu'], mayHaveGpu: true, check: never }), { provider: 'cpu' });
  t.like(await chooseProvider({ offered: ['cpu', 'webgpu'], mayHaveGpu: false, check: never }), {
    provider: 'cpu',
    reason: 'no graphics device',
  });
});

test('a provider that the build does not have is refused by name', async (t) => {
  const provider = process.platform === 'win32' ? 'coreml' : 'dml';
  await t.throwsAsync(loadOnnx({ onnx: { provider } }), {
    instanceOf: EngineUnavailable,
    message: /this build of ONNX Runtime has no provider "(dml|coreml)", only cpu/,
  });
});
