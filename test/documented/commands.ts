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
  /** What it needs beside a fresh clone, as its line or the line before says: `# needs a GPU`. */
  readonly needs: string | undefined;
  /** Variables of the shell that the document set before it: `SMALL="…"`. */
  readonly variables: string;
}

/** README, CONTRIBUTING and the guides. */
export async function documents(): Promise<string[]> {
  const docs = (await readdir(join(root, 'docs'))).filter((file) => file.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...docs.map((name) => join('docs', name))];
}

const call =
  /((?:\b[A-Z_]+=[^\s`"]+ )*)(?:npm run ([a-z][\w:-]*)( -- )?|npx tfjs-gain ([a-z][\w-]*) |npx (tsx) )([^`|]*)/g;

/**
 * Commands in the code of a document: those with `…` or a choice in brackets are no commands. What a command needs stands
 * in a comment before it, for all lines up to the next empty one, or in its own line or the line before.
 */
export async function commandsOf(file: string): Promise<Documented[]> {
  const found: Documented[] = [];
  let fenced = false;
  let said: string | undefined;
  let variables = '';
  let open = false;
  const lines = (await readFile(join(root, file), 'utf8')).split('\n');
  for (const [i, whole] of lines.entries()) {
    if (/^ *```/.test(whole)) fenced = !fenced;
    const code = fenced || /^ {4}/.test(whole);
    if (!code || whole.trim() === '') said = undefined;
    if (code && (open || /^ *[A-Z_]+="/.test(whole))) {
      variables += `${whole.trim()}\n`;
      open = (variables.match(/"/g) ?? []).length % 2 === 1;
      continue;
    }
    if (code && /^ *#/.test(whole)) said = needOf(whole) ?? said;
    for (const [, before, script, dashes, command, tsx, rest] of whole.matchAll(call)) {
      // In prose, a name without words is the program's name and no call.
      if (script && !dashes && !(code && /^ *(#|$)/.test(rest!))) continue;
      const line = rest!
        .split(/ (?:&&|>|<|#)/)[0]!
        .trim()
        .replaceAll(/ +/g, ' ');
      if (/…|\.\.\.|[[\]{]|\bFORMAT\b/.test(line.replaceAll(/=\[[^\]]*\]/g, ''))) continue;
      const words: string[] = [...(line.match(/'[^']*'|"[^"]*"|\S+/g) ?? [])];
      if (words.includes('--help')) continue;
      // A variable of the shell alone stands for further words.
      const kept = words.filter((word) => !/^\$\w+$/.test(word));
      const called = script
        ? `npm run ${script}${dashes ? ' --' : ''}`
        : `npx ${tsx ?? `tfjs-gain ${command}`}`;
      found.push({
        file,
        program: (script ?? command ?? tsx!).replace(':', '-'),
        words: kept.map((word) => word.replace(/^['"]|['"]$/g, '')),
        text: `${before}${called} ${line}`.trim(),
        needs: code ? (needOf(whole.split('#')[1] ?? '') ?? said) : needOf(`${lines[i - 1] ?? ''} ${whole}`),
        variables,
      });
    }
  }
  return found;
}

/** @returns what a comment or a sentence says is needed, if it says so */
function needOf(text: string): string | undefined {
  const need = /\bneeds? ([^.;:)|`#]+)/i.exec(text)?.[1]?.trim();
  return need?.startsWith('nothing') ? undefined : need;
}
