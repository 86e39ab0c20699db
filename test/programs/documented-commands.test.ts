import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import yargs from 'yargs';
import { programs } from '../../src/programs/cli.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Documented {
  readonly file: string;
  readonly program: string;
  readonly words: readonly string[];
}

/** Commands in the code of README, guide and docs: those with `…` or a choice in brackets are no commands. */
async function documented(): Promise<Documented[]> {
  const docs = (await readdir(join(root, 'docs'))).filter((file) => file.endsWith('.md'));
  const found: Documented[] = [];
  for (const file of ['README.md', 'CONTRIBUTING.md', ...docs.map((name) => join('docs', name))]) {
    const text = await readFile(join(root, file), 'utf8');
    for (const [, script, command, rest] of text.matchAll(
      /(?:npm run ([\w:-]+) -- |npx tfjs-gain ([\w-]+) )([^`\n|#]*)/g,
    )) {
      const line = rest!.split(/ {2,}| (?:&&|>|<)/)[0]!;
      if (/…|\.\.\.|[[\]{]|\bFORMAT\b/.test(line)) continue;
      const program = (script ?? command!).replace(':', '-');
      const words: string[] = [...(line.match(/'[^']*'|"[^"]*"|\S+/g) ?? [])];
      if (words.includes('--help')) continue;
      // A variable of the shell alone stands for further words.
      const kept = words.filter((word) => !/^\$\w+$/.test(word));
      found.push({ file, program, words: kept.map((word) => word.replace(/^['"]|['"]$/g, '')) });
    }
  }
  return found;
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
