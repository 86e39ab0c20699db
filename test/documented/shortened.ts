import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from './commands.ts';

/** Splits of a drawn set with as few pictures as the configs' masks and composites allow. */
const few = '{ size: 32, train: 48, trainFullsup: 80, val: 60, test: 8, unbiased: 8 }';

/**
 * A command of a document with as little to compute as still shows that it runs: drawn sets of some pictures, one
 * repetition, seconds in place of minutes.
 */
export async function shortened(program: string, command: string): Promise<string> {
  switch (program) {
    case 'train': {
      const drawn = await drawnData(/--config (\S+)/.exec(command)?.[1]);
      if (!drawn) return command;
      const steps = drawn.predicted ? ' --set data.masks.predicted.steps=10' : '';
      return `${command} --set data.dir=data/short-${drawn.source} --set 'data.options=${few}'${steps}`;
    }
    case 'bench': {
      const peers = command.includes('--peers') ? '' : ' --peers none';
      const only = command.includes('--only') ? '' : ' --only gain-step';
      const words = command.includes(' -- ') ? command : `${command} --`;
      return `${words.replace(/ --repetitions \d+/, '')} --repetitions 1${only}${peers}`;
    }
    case 'fuzz':
      return `${command.replace(/ --minutes \d+/, '')} --minutes 0.1`;
    case 'test-losses':
      return `${command.includes(' -- ') ? command : `${command} --`}`
        .replace(/ --size \w+/, '')
        .replace(/ --steps \d+/, '')
        .concat(' --size small --steps 2');
    case 'audit':
      return `${command.replace(/ --per-cell \d+/, '')} --per-cell 8`;
    default:
      return command;
  }
}

/** @returns the drawn set that a config trains on and whether masks are predicted, undefined for other data */
async function drawnData(
  config: string | undefined,
): Promise<{ source: string; predicted: boolean } | undefined> {
  const file = [config ?? '', `configs/${config}`].map((name) => join(root, name)).find(existsSync);
  if (!config || !file) return undefined;
  const { data } = parse(await readFile(file, 'utf8'));
  const source: string = data?.source ?? '';
  if (!['biased-boats', 'tanks', 'letterbox'].includes(source)) return undefined;
  return { source, predicted: data.masks?.predicted !== undefined };
}
