import { stat } from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import { UsageError } from '../errors/index.ts';
import { writeWhole } from '../files/index.ts';
import { type MapMethod, mapMethods } from '../gradcam/index.ts';
import { writeLine } from '../progress/index.ts';
import type { NetworkSource } from '../run/index.ts';
import { checkNetwork, factOptions, networkAsked, networkOptions } from './network-options.ts';
import { command } from './program.ts';

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
    output: {
      type: 'string',
      requiresArg: true,
      describe: 'Output with the scores, by name or number; others are left out [default: the only one]',
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
    // Loaded late, so that --help and a mistyped option are answered at once.
    const { methodNamed } = await import('../explain/index.ts');
    const map = args.withMap ? methodNamed(args.withMap, mapMethods, '--with-map') : undefined;
    const { exportOnnx, exportSource } = await import('../export/index.ts');
    const { networkSource, openTrainedNetwork } = await import('../run/index.ts');
    const { startEngine } = await import('../engine/index.ts');
    await startEngine({ engine: 'onnx' });
    const network = await openTrainedNetwork(await networkFrom(args));
    for (const note of network.notes) writeLine(note);
    const source = exportSource(network, { leaveOut: args.output !== undefined });
    const method = args.withMap === '' ? source.method : (map as MapMethod | undefined);
    const { bytes, graph, metadata, difference } = await exportOnnx(source, {
      map: method,
      layout: args.layout,
    });
    const folder = args.run ?? args.model!;
    const out = args.out ?? (await outBeside(folder));
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
    async function networkFrom(given: typeof args): Promise<NetworkSource> {
      if (given.run === undefined || 'run' in networkSource(given.run)) return networkAsked(given);
      writeLine(`--run ${given.run} is said --model ${given.run} now: it is no run`);
      return networkAsked({ ...given, run: undefined, model: given.run });
    }
  },
});

/** `DIR/model.onnx` of a folder; beside a file, by its name: never the file itself. */
async function outBeside(path: string): Promise<string> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return join(path, 'model.onnx');
  if (path.endsWith('.json')) return join(dirname(path), 'model.onnx');
  const { dir, name, ext } = parse(path);
  return join(dir, ext === '.onnx' ? `${name}.exported.onnx` : `${name}.onnx`);
}

function shapeOf(input: string): string {
  const { layout, height, width, channels } = JSON.parse(input) as Record<string, number | string>;
  return layout === 'nchw' ? `${channels},${height},${width}` : `${height},${width},${channels}`;
}
