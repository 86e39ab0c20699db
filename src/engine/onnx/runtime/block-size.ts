import { GraphBuilder } from '../graph/graph-builder.ts';
import { NCHWC } from '../graph/layout.ts';
import { encodeModel } from '../graph/onnx-model.ts';
import type { NativeRuntime } from './native-runtime.ts';

/**
 * Finds out how many channels make a block in this build of ONNX Runtime on this processor (16 with
 * AVX-512, 8 with AVX2), by convolving a small image both ways and comparing.
 *
 * @returns 1 where the blocked operators are missing or do not agree with the standard ones
 */
export function detectBlockSize(runtime: NativeRuntime): number {
  return [16, 8].find((block) => agrees(runtime, block)) ?? 1;
}

const CHANNELS = 32;

function agrees(runtime: NativeRuntime, block: number): boolean {
  const image = [2, CHANNELS, 5, 6];
  const filter = [CHANNELS, CHANNELS, 3, 3];
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const graph = new GraphBuilder();
  graph.input('x', 'float32', image);
  graph.input('w', 'float32', filter);
  const cut = graph.reshape('w', [CHANNELS / block, block, CHANNELS / block, block, 3, 3]);
  const moved = graph.node('Transpose', [cut], { perm: [0, 2, 4, 5, 3, 1] });
  const blockedInput = graph.node('ReorderInput', ['x'], {}, NCHWC);
  const result = graph.node('Conv', [blockedInput, graph.reshape(moved, filter)], attributes, NCHWC);
  graph.output(
    'blocked',
    graph.node('ReorderOutput', [result], { channels: CHANNELS }, NCHWC),
    'float32',
    image,
  );
  graph.output('plain', graph.node('Conv', ['x', 'w'], attributes), 'float32', image);
  try {
    const session = runtime.createSession();
    const bytes = encodeModel(graph.model());
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
      intraOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    const tensor = (dims: number[], seed: number) =>
      runtime.createTensor(
        'float32',
        wave(
          dims.reduce((a, b) => a * b, 1),
          seed,
        ),
        dims,
      );
    const feeds = { x: tensor(image, 0.37), w: tensor(filter, 0.73) };
    const { blocked, plain } = session.run(feeds, { blocked: null, plain: null }, {});
    session.dispose();
    return blocked!.data.every((value, i) => Math.abs(value - plain!.data[i]!) < 1e-3);
  } catch {
    return false;
  }
}

function wave(size: number, frequency: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i * frequency));
}
