import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A call of a program in a document. */
export interface Documented {
  readonly file: string;
  readonly program: string;
  readonly words: readonly string[];
  /** The call as it stands there: `npm run train -- --config configs/gain.yaml`. */
  readonly text: string;
}

/** README, CONTRIBUTING and the guides. */
export async function documents(): Promise<string[]> {
  const docs = (await readdir(join(root, 'docs'))).filter((file) => file.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...docs.map((name) => join('docs', name))];
}

/** Commands in the code of a document: those with `…` or a choice in brackets are no commands. */
export async function commandsOf(file: string): Promise<Documented[]> {
  const found: Documented[] = [];
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
    found.push({
      file,
      program,
      words: kept.map((word) => word.replace(/^['"]|['"]$/g, '')),
      text: `${script ? `npm run ${script} --` : `npx tfjs-gain ${command}`} ${line.trim()}`,
    });
  }
  return found;
}
