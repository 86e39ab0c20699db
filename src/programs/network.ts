import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { DataError, UsageError } from '../errors/index.ts';
import type { NetworkNode } from '../gradcam/index.ts';
import { writeLine } from '../progress/index.ts';
import { checkCounts } from './network-options.ts';
import { command } from './program.ts';

const endings = ['.svg', '.png', '.tex', '.tikz', '.txt'];

export const network = command({
  name: 'network',
  describe: 'Draw a network as SVG, PNG, TikZ or text',
  usage: [
    '--model DIR --out net.svg',
    'Draws a network: layers as boxes with kinds, shapes and numbers of weights, branches side by side. Of a model ' +
      'that lies on disk, one of this package by name, a Caffe prototxt, or a line of text such as ' +
      '"input 64x64x3 | conv 3x3x16 relu | pool 2 | gap | dense 10".',
  ],
  options: {
    run: { type: 'string', requiresArg: true, describe: 'A finished run' },
    model: {
      type: 'string',
      requiresArg: true,
      describe: 'A model: folder, .keras, .h5, .onnx, .safetensors, .pth',
    },
    backbone: {
      type: 'string',
      requiresArg: true,
      describe: 'A network of this package by name, as resnet18',
    },
    prototxt: { type: 'string', requiresArg: true, describe: 'A Caffe prototxt' },
    line: { type: 'string', requiresArg: true, describe: 'A line of text' },
    'image-size': { type: 'number', requiresArg: true, default: 224, describe: 'Of --backbone' },
    'class-count': { type: 'number', requiresArg: true, default: 1000, describe: 'Of --backbone' },
    out: {
      type: 'string',
      requiresArg: true,
      describe: `File to write, by its ending: ${endings.join(', ')} [default: text on stdout]`,
    },
    rows: { type: 'number', requiresArg: true, default: 12, describe: 'Boxes below each other in a column' },
    title: {
      type: 'string',
      requiresArg: true,
      describe: 'Above the drawing [default: name of the network]',
    },
  },
  check: ({ run, model, backbone, prototxt, line, out, rows, imageSize, classCount }) => {
    const given = [run, model, backbone, prototxt, line].filter((one) => one !== undefined);
    if (given.length !== 1) {
      throw new UsageError('one of --run, --model, --backbone, --prototxt and --line is needed');
    }
    checkCounts({ rows, 'image-size': imageSize, 'class-count': classCount });
    if (out !== undefined && !endings.includes(extname(out as string).toLowerCase())) {
      throw new UsageError(`--out: expected a name that ends in ${endings.join(', ')}, found "${out}"`);
    }
  },
  examples: [
    ['--backbone resnet18 --out resnet18.svg', 'a network by name'],
    ['--prototxt deploy.prototxt --out net.tex', 'a Caffe network as TikZ'],
    ['--line "input 32x32x3 | conv 3x3x16 relu | pool 2 | gap | dense 10"', 'text on stdout'],
  ],
  exitCodes: '2 usage, run, model or line, 3 a prototxt',
  async run(given) {
    const isPrototxt = given.model !== undefined && extname(given.model).toLowerCase() === '.prototxt';
    const args = isPrototxt ? { ...given, model: undefined, prototxt: given.model } : given;
    const { networkSvg, networkText, networkTikz } = await import('../explain/index.ts');
    const { nodes, name } = await described(args);
    if (args.out === undefined) {
      process.stdout.write(networkText(nodes));
      return;
    }
    const { writeWhole } = await import('../files/index.ts');
    const options = { rows: args.rows, title: args.title ?? name };
    const ending = extname(args.out).toLowerCase();
    const content =
      ending === '.txt'
        ? networkText(nodes)
        : ending === '.svg'
          ? networkSvg(nodes, options)
          : ending === '.png'
            ? await sharp(Buffer.from(networkSvg(nodes, options)), { density: 144 })
                .png()
                .toBuffer()
            : networkTikz(nodes, options);
    await writeWhole(args.out, content);
    const weights = nodes.reduce((sum, { parameters }) => sum + parameters, 0);
    process.stdout.write(`${args.out}: ${nodes.length} layers, ${weights.toLocaleString('en')} weights\n`);
  },
});

interface Described {
  readonly run?: string | undefined;
  readonly model?: string | undefined;
  readonly backbone?: string | undefined;
  readonly prototxt?: string | undefined;
  readonly line?: string | undefined;
  readonly imageSize: number;
  readonly classCount: number;
}

async function described(asked: Described): Promise<{ nodes: NetworkNode[]; name: string | undefined }> {
  const { networkOfLine, networkOfPrototxt } = await import('../explain/index.ts');
  if (asked.line !== undefined) return { nodes: networkOfLine(asked.line), name: undefined };
  if (asked.prototxt !== undefined) {
    const text = await readFile(asked.prototxt, 'utf8').catch((cause) => {
      throw new DataError(`${asked.prototxt}: it cannot be read`, { cause });
    });
    const { nodes, name, notes } = networkOfPrototxt(text, asked.prototxt);
    for (const note of notes) writeLine(note);
    return { nodes, name };
  }
  const { startEngine } = await import('../engine/index.ts');
  const { networkNodes } = await import('../gradcam/index.ts');
  await startEngine({ engine: 'cpu' });
  const model = await loaded(asked);
  return { nodes: networkNodes(model), name: model.name };
}

async function loaded({ run, model, backbone, imageSize, classCount }: Described): Promise<tfl.LayersModel> {
  const { buildModel, loadLayersModel } = await import('../models/index.ts');
  if (backbone !== undefined) {
    const inputShape: [number, number, number] = [imageSize, imageSize, 3];
    return buildModel(backbone as 'resnet18', { inputShape, classes: classCount, seed: 1 });
  }
  if (model !== undefined) return loadLayersModel(model, { onNote: writeLine });
  const { findNetwork } = await import('../run/index.ts');
  return loadLayersModel((await findNetwork({ run: run! })).path, { onNote: writeLine });
}
