import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { processorName } from './cpu.ts';
import { type EngineDescription, type EngineSettings, EngineUnavailable } from './engine-info.ts';
import { loadNativeRuntime, type OnnxProvider, offeredProviders } from './onnx/index.ts';
import { type ChosenProvider, chooseProvider } from './onnx-provider.ts';
import { quietly } from './quiet.ts';
import { adapterName } from './webgpu/index.ts';

let threadsInUse = 0;
let chosen: ChosenProvider | null = null;

/**
 * Loads the embedded engine: tfjs on ONNX Runtime, whose native library is part of its npm package.
 *
 * @param options.threads threads of ONNX Runtime's pool, 0 for one per core
 * @param options.onnx.provider what ONNX Runtime computes with
 * @throws EngineUnavailable when the native library or the provider does not load here, or runs already with
 *   another number of threads or another provider
 */
export async function loadOnnx({
  threads = 0,
  onnx: { provider: wish = 'auto' } = {},
}: Pick<EngineSettings, 'threads' | 'onnx'> = {}): Promise<EngineDescription> {
  if (chosen === null) {
    const wanted = threads || availableParallelism();
    try {
      chosen = await quietly(async () => {
        const { registerOnnxBackend } = await import('./onnx/index.ts');
        const choice =
          wish === 'auto' ? await chooseProvider({ offered: offeredOnnxProviders() }) : asked(wish);
        registerOnnxBackend({ threads: wanted, provider: choice.provider });
        if (!tf.findBackend('onnx')) throw new Error('the backend did not start');
        if (choice.provider === 'cpu') return choice;
        // A provider that has no device says so when it is first used.
        await tf.setBackend('onnx');
        tf.tidy(() => tf.add(tf.ones([2]), 1).dataSync());
        const isNamed = choice.device === null && choice.provider === 'webgpu';
        const device = isNamed ? await nameOfAdapter() : choice.device && `GPU ${choice.device}`;
        return { ...choice, device };
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new EngineUnavailable(`ONNX Runtime cannot be loaded: ${message.split('\n', 1)[0]}`, {
        cause: error,
      });
    }
    threadsInUse = wanted;
  }
  if (threads !== 0 && threads !== threadsInUse) {
    throw new EngineUnavailable(
      `it runs on ${threadsInUse} threads already, and the number cannot change to ${threads} within a process`,
    );
  }
  if (wish !== 'auto' && wish !== chosen.provider) {
    throw new EngineUnavailable(
      `it computes with ${chosen.provider} already, and that cannot change to ${wish} within a process`,
    );
  }
  const { provider, device } = chosen;
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    name: 'onnx',
    backend: 'onnx',
    version: `ONNX Runtime ${version}${provider === 'cpu' ? '' : ` (${provider})`}`,
    threads: threadsInUse,
    device: provider === 'cpu' ? processorName() : (device ?? 'GPU, of unknown name'),
  };
}

/** The providers that the installed build of ONNX Runtime has. */
export function offeredOnnxProviders(): OnnxProvider[] {
  return offeredProviders(loadNativeRuntime());
}

const asked = (provider: OnnxProvider): ChosenProvider => ({ provider, device: null, reason: 'as asked' });

async function nameOfAdapter(): Promise<string | null> {
  const adapter = await adapterName();
  return adapter && (adapter.isSoftware ? `${adapter.name} (software)` : `GPU ${adapter.name}`);
}
