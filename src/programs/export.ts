import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '../errors/index.ts';
import { writeWhole } from '../files/index.ts';
import { type MapMethod, mapMethods } from '../gradcam/index.ts';
import { writeLine } from '../progress/index.ts';
import type { NetworkSource } from '../run/index.ts';
import { checkNetwork, factOptions, networkOf, networkOptions, squareOf } from './network-options.ts';
import { classNamesOf, command } from './program.ts';

export const exportNetwork = command({
  name: 'export',
  describe: 'Write a classifier as an ONNX file',
  usage: [
    '--run DIR',
    'Writes a trained classifier as an ONNX file that returns scores and, on request, the ' +
      'explanation map of the top class.',
  ],
  options: {
    ...networkOptions,
    format: { choices: ['onnx'] as const, default: 'onnx' as const, describe: 'Format of the file' },
    'with-map': {
      type: 'string',
      describe: `Add the map of the top class: ${mapMethods.join(', ')}; alone: the method of the run`,
    },
    out: { type: 'string', requiresArg: true, describe: 'File to write [default: DIR/model.onnx]' },
    layout: {
      choices: ['nchw', 'nhwc'] as const,
      default: 'nchw' as const,
      describe: 'Axes of the images: channels first or last',
    },
    'target-layer': {
      type: 'string',
      requiresArg: true,
      describe: 'Layer of the map [default: the run’s]',
    },
    link: {
      choices: ['softmax', 'sigmoid'] as const,
      describe: 'How logits become scores [default: as in training]',
    },
    ...factOptions,
    json: { type: 'boolean', default: false, describe: 'Print what the file takes and gives as JSON' },
  },
  check: checkNetwork,
  examples: [
    ['--run runs/gain --with-map', 'writes runs/gain/model.onnx'],
    ['--model my-model/ --with-map grad-cam++ --out net.onnx', 'any tfjs classifier'],
  ],
  exitCodes: '2 usage, model or engine',
  async run(args) {
    const map = args.withMap || undefined;
    if (map !== undefined && !(mapMethods as readonly string[]).includes(map)) {
      throw new UsageError(`--with-map: expected one of ${mapMethods.join(', ')}, received "${map}"`);
    }

    // Loaded late, so that --help and a mistyped option are answered at once.
    const { exportOnnx, exportSource } = await import('../export/index.ts');
    const { networkSource, openTrainedNetwork } = await import('../run/index.ts');
    const { startEngine } = await import('../engine/index.ts');
    await startEngine({ engine: 'onnx' });
    const network = await openTrainedNetwork(networkFrom(args), {
      inputScaling: args.inputScaling,
      imageSize: squareOf(args.imageSize),
      classes: await classNamesOf(args.classes),
      link: args.link,
      targetLayer: args.targetLayer,
    });
    for (const note of network.notes) writeLine(note);
    const source = exportSource(network);
    const method = args.withMap === '' ? source.method : (map as MapMethod | undefined);
    const { bytes, graph, metadata, difference } = await exportOnnx(source, {
      map: method,
      layout: args.layout,
    });
    const folder = args.run ?? args.model!;
    const out = args.out ?? join(folder.endsWith('.json') ? dirname(folder) : folder, 'model.onnx');
    if ((await stat(out).catch(() => undefined))?.isDirectory()) {
      throw new UsageError(`--out: ${out} is a folder; name a file in it`);
    }
    await writeWhole(out, bytes, { as: UsageError });

    const nodes = [...graph.operators.values()].reduce((sum, count) => sum + count, 0);
    const size = (bytes.length / 2 ** 20).toFixed(1);
    writeLine(`network  ${source.name}, ${nodes} nodes, ${size} MiB, opset ${graph.opset}`);
    writeLine(
      `input    images [batch,${shapeOf(metadata.input!)}], float32, ${source.classes.length} classes`,
    );
    if (method) writeLine(`map      ${method} at ${metadata.target_layer}`);
    writeLine(`check    run with 1 and 3 images, differs from the model by ${difference.toExponential(1)}`);
    process.stdout.write(
      args.json ? `${JSON.stringify({ file: out, difference, ...metadata }, null, 2)}\n` : `${out}\n`,
    );

    /** `--run` took model folders too. */
    function networkFrom(given: typeof args): NetworkSource {
      if (given.run === undefined) return networkOf(given);
      const source = networkSource(given.run);
      if ('run' in source) return networkOf(given);
      writeLine(`--run ${given.run} is said --model ${given.run} now: it is no run`);
      return source;
    }
  },
});

function shapeOf(input: string): string {
  const { layout, height, width, channels } = JSON.parse(input) as Record<string, number | string>;
  return layout === 'nchw' ? `${channels},${height},${width}` : `${height},${width},${channels}`;
}
