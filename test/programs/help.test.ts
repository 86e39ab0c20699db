import test from 'ava';
import yargs, { type Argv } from 'yargs';
import { programs } from '../../src/programs/cli.ts';
import type { Program } from '../../src/programs/program.ts';

async function helpOf(argv: Argv): Promise<string> {
  let text = '';
  await argv.parseAsync(['--help'], {}, (_error, _args, output) => {
    text = output;
  });
  return text;
}

/** The commands of `import`, by what they add to a command line. */
function formatsOf(program: Program, argv: Argv): [format: string, build: (argv: Argv) => Argv][] {
  const found: [string, (argv: Argv) => Argv][] = [];
  const add = argv.command.bind(argv) as (...words: unknown[]) => Argv;
  argv.command = ((...words: unknown[]) => {
    found.push([String(words[0]), words[2] as (argv: Argv) => Argv]);
    return add(...words);
  }) as typeof argv.command;
  program.build(argv, 'npx tfjs-gain import');
  return found;
}

test('help texts fit into 80 columns', async (t) => {
  const wide: string[] = [];
  const look = (name: string, help: string) => {
    for (const line of help.split('\n')) if (line.length > 80) wide.push(`${name}: ${line}`);
    t.regex(help, /Options:|Commands:/, name);
  };
  for (const [name, [, load]] of Object.entries(programs)) {
    const program = await load();
    const argv = () => yargs().scriptName('tfjs-gain').wrap(80);
    look(name, await helpOf(program.build(argv(), `npx tfjs-gain ${name}`)));
    if (name !== 'import') continue;
    for (const [format, build] of formatsOf(program, argv()))
      look(`import ${format}`, await helpOf(build(argv())));
  }
  t.deepEqual(wide, []);
});
