import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EngineName, engineNames } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { writeLine } from '../progress/index.ts';
import { checkCounts, checkNetwork, factOptions, networkAsked, networkOptions } from './network-options.ts';
import { command, interruption } from './program.ts';

export const explore = command({
  name: 'explore',
  describe: 'Look into a network in a browser, correct it, and let it learn',
  usage: [
    '--run DIR | --model DIR',
    'Opens a page in the browser: what the network makes of an image, layer by layer and map by map; the images of its ' +
      'data set that deserve a look; a brush that says what matters, and what must not; and a run that learns from it.',
  ],
  options: {
    ...networkOptions,
    data: { type: 'string', requiresArg: true, describe: 'Data set [default: that of the run]' },
    images: { type: 'string', requiresArg: true, describe: 'Folder of images to choose from' },
    ...factOptions,
    host: {
      type: 'string',
      requiresArg: true,
      default: '127.0.0.1',
      describe: 'Address to listen on; another one lets other machines in that know the key',
    },
    port: { type: 'number', requiresArg: true, describe: 'Port [default: 7333, or a free one]' },
    open: { type: 'boolean', default: true, describe: 'Open the browser; --no-open only prints the address' },
    who: { type: 'string', requiresArg: true, describe: 'Who draws, for the masks [default: the user]' },
    engine: { type: 'string', requiresArg: true, default: 'auto', describe: 'Compute engine' },
    threads: { type: 'number', requiresArg: true, describe: 'Of the engine [default: one per core]' },
    export: {
      type: 'string',
      requiresArg: true,
      describe:
        'Write a static page to this folder instead, which computes in the browser of whoever visits it',
    },
    samples: {
      type: 'number',
      requiresArg: true,
      default: 6,
      describe: 'Images of the data set or folder that go with a static page',
    },
  },
  check: ({ run, model, port, engine, imageSize, samples, threads }) => {
    checkNetwork({ run, model });
    checkCounts({
      'image-size': imageSize as number | undefined,
      samples,
      threads: threads as number | undefined,
    });
    if (engine !== 'auto' && !(engineNames as readonly string[]).includes(engine)) {
      throw new UsageError(`--engine: expected one of auto, ${engineNames.join(', ')}, found ${engine}`);
    }
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65536)) {
      throw new UsageError(`--port: expected a whole number from 0 to 65535, found ${port}`);
    }
  },
  examples: [
    ['--run runs/gain', 'look, find, correct and learn'],
    ['--model my-model/ --images photos/', 'a network from elsewhere'],
    ['--run runs/gain --export site/', 'a static page, for any web host'],
  ],
  exitCodes: '2 usage, run, model or port, 3 data',
  async run(args) {
    const source = await networkAsked(args);
    const { explore: serve, exportSite } = await import('../explore/index.ts');
    if (args.export !== undefined) {
      const written = await exportSite(args.export, {
        source,
        data: args.data,
        images: args.images,
        samples: args.samples,
        engine: args.engine as EngineName | 'auto',
      });
      process.stdout.write(
        `${args.export}: ${written.files} files, ${(written.bytes / 2 ** 20).toFixed(1)} MiB, ${written.images} images\n`,
      );
      return;
    }
    const here = fileURLToPath(import.meta.url);
    const cli = fileURLToPath(new URL(`../cli${extname(here)}`, import.meta.url));
    const explored = await serve({
      source,
      data: args.data,
      images: args.images,
      host: args.host,
      port: args.port,
      who: args.who,
      engine: args.engine as EngineName | 'auto',
      threads: args.threads,
      program: [process.execPath, ...process.execArgv, cli],
      log: writeLine,
    });
    for (const note of explored.notes) writeLine(note);
    process.stdout.write(`${explored.address}\n`);
    writeLine('Ctrl-C ends it; what is learning goes on.');
    const signal = interruption('the page is closed');
    if (args.open) openBrowser(explored.address);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await explored.close();
  },
});

/** By the way of the system; where there is none, the address is printed. */
function openBrowser(address: string): void {
  const [file, ...args] =
    process.platform === 'darwin'
      ? ['open', address]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '""', address.replaceAll('&', '^&')]
        : ['xdg-open', address];
  const child = spawn(file!, args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
