import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join, normalize } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import yargs from 'yargs';
import { programs } from '../../src/programs/cli.ts';
import { commandsOf, type Documented, documents, root } from '../documented/commands.ts';

async function documented(): Promise<Documented[]> {
  return (await Promise.all((await documents()).map(commandsOf))).flat();
}

test('every command of the documents has options that exist, and configs that are there', async (t) => {
  const commands = await documented();
  t.true(commands.length > 40, `${commands.length} commands are found`);
  const wrong: string[] = [];
  for (const { file, program, words } of commands) {
    const known = programs[program];
    if (!known) continue; // a script of the repository, such as bench: its name is tested elsewhere
    const loaded = await known[1]();
    const said = `${file}: ${program} ${words.join(' ')}`;
    const config = words[words.indexOf('--config') + 1];
    if (words.includes('--config') && config!.startsWith('configs/') && !existsSync(join(root, config!))) {
      wrong.push(`${said}: there is no ${config}`);
    }
    const command = loaded.positional ? `${program} [${loaded.positional}]` : program;
    const line = yargs([program, ...words])
      .command({ command, describe: '', builder: (argv) => loaded.build(argv, program), handler: () => {} })
      .strict()
      .exitProcess(false)
      .fail((message, error) => {
        throw error ?? new Error(message);
      });
    // `import` has commands of its own, which do their work when they are parsed.
    if (program === 'import') continue;
    try {
      await line.parseAsync();
    } catch (error) {
      wrong.push(`${said}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  t.deepEqual(wrong, []);
});

/** Options whose values are read. `--run` is written by `train` alone. */
const reads = new Set(
  'config run resume dir masks confounders annotations images file from model teacher image feature-maps top-images invariance corrected prototxt'.split(
    ' ',
  ),
);

/** What a command reads and writes: folders and files, by their paths. */
function filesOf({ program, words }: Documented): { read: string[]; written: string[] } {
  const values = new Map<string, string[]>();
  let option = 'positional';
  for (const word of words) {
    if (word.startsWith('--')) {
      option = word.slice(2).split('=')[0]!;
      if (!values.has(option)) values.set(option, []);
    } else values.set(option, [...(values.get(option) ?? []), word]);
  }
  const of = (...names: string[]) => names.flatMap((name) => values.get(name) ?? []);
  const written = of('out', 'export', 'sheet', 'json');
  const read = [...values].flatMap(([name, given]) => (reads.has(name) ? given : []));
  read.push(...of('set').flatMap((set) => /^model\.weights=(.*)/.exec(set)?.[1] ?? []));
  if (['data', 'init'].includes(program)) read.push(...of('positional'));
  if (program === 'init') written.push(...of('positional').map((data) => `${data}.yaml`));
  if (program === 'tsx') read.push(...of('positional'));
  if (program === 'train' && !values.has('resume')) {
    const runs = of('run');
    for (const run of runs) read.splice(read.indexOf(run), 1);
    written.push(...(runs.length > 0 ? runs : of('config').map((file) => `runs/${basename(file, '.yaml')}`)));
  }
  return { read, written };
}

/** What the experiment of a config begins with: the network of a run. */
function beginsWith(config: string): string[] {
  const file = [config, join('configs', config)].map((name) => join(root, name)).find(existsSync);
  if (!file) return [];
  const { model, distillation } = parse(readFileSync(file, 'utf8')) ?? {};
  return [model?.weights, distillation?.teacher?.model].filter((name) => typeof name === 'string');
}

test('what a command reads is in the clone, made by an earlier command, or said to be needed', async (t) => {
  const tracked = execFileSync('git', ['ls-files', '--full-name', ':/'], {
    cwd: root,
    encoding: 'utf8',
  }).split('\n');
  const within = (path: string, files: readonly string[]) =>
    files.some((file) => path === file || path.startsWith(`${file}/`) || file.startsWith(`${path}/`));
  const unsaid: string[] = [];
  for (const file of await documents()) {
    const saved = readFileSync(join(root, file), 'utf8').matchAll(/Save as `([^`]+)`/g);
    const made = [...saved].flatMap(([, name]) => [name!, basename(name!)]);
    const said = new Set<string>();
    for (const documented of await commandsOf(file)) {
      const { read, written } = filesOf(documented);
      if (documented.program === 'train') {
        for (const config of read.filter((name) => name.endsWith('.yaml'))) {
          if (!documented.words.some((word) => word.startsWith('model.weights=')))
            read.push(...beginsWith(config));
        }
      }
      for (const path of read
        .filter((name) => !/^[A-Z]+$/.test(name))
        .map((name) => normalize(name).replace(/\/$/, ''))) {
        const there = [path, join('configs', path)].some((name) => within(name, tracked));
        if (there || within(path, [...made, ...said]) || /^(true|auto)$/.test(path)) continue;
        // Once said, it is known for the rest of the document.
        if (documented.needs) said.add(path);
        else unsaid.push(`${file}: ${documented.text}: ${path}`);
      }
      made.push(...written.map((name) => normalize(name).replace(/\/$/, '')));
    }
  }
  t.deepEqual(unsaid, []);
});
