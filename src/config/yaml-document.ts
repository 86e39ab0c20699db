import { type Alias, type Document, isMap, isScalar, type LineCounter, parseDocument, visit } from 'yaml';
import { ConfigError } from '../errors/index.ts';

/** More than any experiment has; the shipped ones have 2 kB. */
const MOST_CHARACTERS = 2 ** 21;
/** How often the values of a file may be repeated by its aliases, all together. */
const MOST_ALIASES = 100;

/**
 * Parses a YAML file whose top level is a mapping.
 *
 * Keys that occur twice are found here: the library compares every key of a mapping with every other.
 *
 * @throws {ConfigError} `file:line:column`: no YAML, a key that is there twice, an alias that names nothing, or what it
 *   stands in itself
 */
export function parsed(text: string, file: string, lines: LineCounter): Document {
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (text.length > MOST_CHARACTERS) {
    throw new ConfigError(`${file}:1:1 has ${text.length} characters, the most is ${MOST_CHARACTERS}`);
  }
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false });
  const [syntax] = document.errors;
  if (syntax) {
    const message = syntax.message.includes('call stack')
      ? 'it is nested too deeply'
      : syntax.message.split('\n')[0];
    throw new ConfigError(`${at(syntax.pos[0])} not valid YAML: ${message}`);
  }
  if (!isMap(document.contents)) {
    const found =
      document.contents === null ? 'nothing' : isScalar(document.contents) ? 'one value' : 'a list';
    throw new ConfigError(`${file}:1:1 expected a mapping of keys to values, found ${found}`);
  }
  visit(document, {
    Map: (_, map) => {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && key.source !== '<<') {
          throw new ConfigError(`${at(key.range?.[0] ?? 0)} the key ${String(key.value)} is there twice`);
        }
        seen.add(key.value);
      }
    },
    Alias: (_, alias: Alias, path) => {
      const target = alias.resolve(document);
      const where = at(alias.range?.[0] ?? 0);
      if (!target)
        throw new ConfigError(`${where} the alias *${alias.source}: no value before it has this anchor`);
      if (path.includes(target)) {
        throw new ConfigError(`${where} the alias *${alias.source} stands inside of the value that it names`);
      }
    },
  });
  return document;
}

/**
 * The values of a document.
 *
 * @throws {ConfigError} when aliases repeat too much of it, or a merge key (`<<` in YAML 1.1) merges what is no mapping
 */
export function plainValue(document: Document, file: string, lines: LineCounter): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (cause) {
    let offset = 0;
    visit(document, {
      Pair: (_, { key }) => {
        if (!isScalar(key) || key.source !== '<<') return undefined;
        offset = key.range?.[0] ?? 0;
        return visit.BREAK;
      },
      Alias: (_, alias) => {
        offset = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    const { line, col } = lines.linePos(offset);
    const message = (cause as Error).message.includes('Excessive alias')
      ? `the aliases repeat its values more than ${MOST_ALIASES} times`
      : (cause as Error).message;
    throw new ConfigError(`${file}:${line}:${col} ${message}`, { cause });
  }
}
