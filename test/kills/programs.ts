import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files, or what counts of them, by name. */
export type Result = Readonly<Record<string, string>>;

/** A program that is killed, and what it must have made in the end. */
export interface KilledProgram {
  readonly name: string;
  /** The command, for the start and for every start after a kill. */
  readonly args: readonly string[];
  /** What counts of the files that it has written; of a folder that it was killed in, of those that are there. */
  readonly result: (folder: string) => Result;
  /** Whether a file has its name only when it is whole and final: then what a kill leaves is compared, too. */
  readonly isFinal?: boolean;
}

export const killedPrograms: readonly KilledProgram[] = [
  {
    name: 'train',
    args: ['train', '--config', '../base/tiny.yaml', '--run', 'run', '--resume=auto'],
    result: (folder) => resultOfRun(join(folder, 'run')),
  },
  {
    name: 'import',
    args: ['import', 'csv', '--file', '../base/list.csv', '--out', 'data', '--name', 'data', '--shards', '2'],
    result: (folder) => hashes(join(folder, 'data')),
    isFinal: true,
  },
  {
    name: 'evaluate',
    args: [
      'evaluate',
      ...['--run', '../base/run', '--out', 'evaluation', '--split', 'val,test', '--threshold', '0.2'],
      ...['--measures', 'localization,faithfulness', '--bootstrap', '20', '--write-maps', 'maps'],
    ],
    result: (folder) => ({
      ...resultOfEvaluation(join(folder, 'evaluation')),
      ...hashes(join(folder, 'maps'), 'maps/'),
    }),
    isFinal: true,
  },
  {
    name: 'export',
    args: ['export', '--run', '../base/run', '--with-map', 'grad-cam', '--out', 'net.onnx'],
    result: hashes,
    isFinal: true,
  },
  {
    name: 'sweep',
    args: ['sweep', '--config', '../base/sweep.yaml', '--out', 'sweep', '--threads', '1'],
    result: resultOfSweep,
  },
  {
    name: 'refit',
    args: ['refit', '--run', '../base/run', '--on', 'groups', '--class', 'light,dark', '--out', 'model'],
    result: (folder) => hashes(join(folder, 'model')),
    isFinal: true,
  },
];

const hash = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** Names that files have before they are whole, and locks. */
export function isPassing(name: string): boolean {
  return /\.tmp$|\.partial$|^\.lock|(^|\/)\.writing-/.test(name);
}

/** Every file of a folder that has its final name. */
function hashes(folder: string, prefix = ''): Result {
  if (!existsSync(folder)) return {};
  return Object.fromEntries(
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (isPassing(entry.name)) return [];
      const path = join(folder, entry.name);
      return entry.isDirectory()
        ? Object.entries(hashes(path, `${prefix}${entry.name}/`))
        : [[prefix + entry.name, hash(readFileSync(path))]];
    }),
  );
}

/** What a run ends with, as far as it may not depend on interruptions: all but times. */
function resultOfRun(run: string): Result {
  const read = (...parts: string[]) => readFileSync(join(run, ...parts), 'utf8');
  if (!existsSync(join(run, 'summary.json'))) return {};
  const { metrics, best, steps } = JSON.parse(read('summary.json'));
  const { last } = JSON.parse(read('checkpoints', 'index.json')) as { last: string };
  return {
    summary: JSON.stringify({ metrics, best, steps }),
    weights: hash(readFileSync(join(run, 'model', 'weights.bin'))),
    description: hash(read('model', 'model.json')),
    optimizer: hash(readFileSync(join(run, 'checkpoints', last, 'optimizer.bin'))),
    lines: hash(read('metrics.ndjson')),
    pictures: readdirSync(join(run, 'attention')).sort().join(),
    lock: String(existsSync(join(run, '.lock'))),
  };
}

/** Numbers and records of every split; when and how fast is left out. */
function resultOfEvaluation(folder: string): Result {
  return Object.fromEntries(
    ['val', 'test'].flatMap((split) => {
      const [json, records] = [join(folder, `${split}.json`), join(folder, `${split}.images.ndjson`)];
      const found: [string, string][] = [];
      if (existsSync(json)) {
        const {
          finished: _when,
          timing: _speed,
          environment: _machine,
          ...rest
        } = JSON.parse(readFileSync(json, 'utf8'));
        found.push([json.slice(folder.length + 1), hash(JSON.stringify(rest))]);
      }
      if (existsSync(records)) found.push([records.slice(folder.length + 1), hash(readFileSync(records))]);
      return found;
    }),
  );
}

function resultOfSweep(folder: string): Result {
  const out = join(folder, 'sweep');
  if (!existsSync(join(out, 'table.json'))) return {};
  const runs = readdirSync(join(out, 'runs')).sort();
  return {
    table: readFileSync(join(out, 'table.json'), 'utf8'),
    markdown: readFileSync(join(out, 'table.md'), 'utf8'),
    lock: String(existsSync(join(out, '.lock'))),
    ...Object.fromEntries(
      runs.flatMap((row) =>
        Object.entries(resultOfRun(join(out, 'runs', row, 'seed-1'))).map(([key, value]) => [
          `${row} ${key}`,
          value,
        ]),
      ),
    ),
  };
}
