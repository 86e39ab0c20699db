import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
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
