import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { UsageError } from './errors/index.ts';
import { type MapMethod, mapMethods } from './gradcam/index.ts';
import { runProgram } from './program.ts';
import { writeLine } from './progress/index.ts';

await runProgram(async () => {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run export --')
    .usage(
      '$0 --run DIR\n\nWrites a trained classifier as an ONNX file that returns scores and, on request, the ' +
        'explanation map of the top class.',
    )
    .options({
      run: {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'Run directory, or the folder of a tfjs layers-model',
      },
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
      classes: {
        type: 'string',
        requiresArg: true,
        describe: "Names of the classes in order, separated by commas [default: the data set's]",
      },
    })
    .example('$0 --run runs/gain --with-map', 'writes runs/gain/model.onnx')
    .example('$0 --run my-model/ --with-map grad-cam++ --out net.onnx', 'any tfjs classifier')
    .epilogue('Exit codes: 0 done, 1 unexpected, 2 usage, model or engine.')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();

  const map = args.withMap || undefined;
  if (map !== undefined && !(mapMethods as readonly string[]).includes(map)) {
    throw new UsageError(`--with-map: expected one of ${mapMethods.join(', ')}, received "${map}"`);
  }

  // Loaded late, so that --help and a mistyped option are answered at once.
  const { exportOnnx, exportSource } = await import('./export/index.ts');
  const { networkSource, openTrainedNetwork } = await import('./run/index.ts');
  const { startEngine } = await import('./engine/index.ts');
  await startEngine({ engine: 'onnx' });
  const network = await openTrainedNetwork(networkSource(args.run), {
    classes: args.classes?.split(','),
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
  const out = args.out ?? join(args.run.endsWith('.json') ? dirname(args.run) : args.run, 'model.onnx');
  await write(out, bytes);

  const nodes = [...graph.operators.values()].reduce((sum, count) => sum + count, 0);
  const size = (bytes.length / 2 ** 20).toFixed(1);
  writeLine(`network  ${source.name}, ${nodes} nodes, ${size} MiB, opset ${graph.opset}`);
  writeLine(`input    images [batch,${shapeOf(metadata.input!)}], float32, ${source.classes.length} classes`);
  if (method) writeLine(`map      ${method} at ${metadata.target_layer}`);
  writeLine(`check    run with 1 and 3 images, differs from the model by ${difference.toExponential(1)}`);
  process.stdout.write(`${out}\n`);
});

function shapeOf(input: string): string {
  const { layout, height, width, channels } = JSON.parse(input) as Record<string, number | string>;
  return layout === 'nchw' ? `${channels},${height},${width}` : `${height},${width},${channels}`;
}

/** A whole file or none. */
async function write(file: string, bytes: Uint8Array): Promise<void> {
  if ((await stat(file).catch(() => undefined))?.isDirectory()) {
    throw new UsageError(`--out: ${file} is a folder; name a file in it`);
  }
  const fresh = `${file}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(fresh, bytes);
    await rename(fresh, file);
  } catch (cause) {
    throw new UsageError(`${file}: cannot be written: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(fresh, { force: true });
  }
}
