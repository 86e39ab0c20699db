import { DataError } from '../../../errors/index.ts';
import { readBytes } from '../../file-bytes.ts';
import { decodeText } from '../../text-file.ts';

/** More than the annotations of any image have; CVAT keeps those of a whole task in one file. */
const MOST = 2 ** 28;
/** No annotation format nests elements even half as deep. */
const DEEPEST = 64;

/** An XML file as plain objects; see {@link readXml}. */
export interface XmlFile {
  /** What the root element holds: attributes as `@name`, elements by their name, texts as strings. */
  root: Record<string, unknown>;
  text: string;
}

/**
 * Reads an XML file, in the encoding that it declares. Entities beyond those of XML itself (`&amp;`) are refused: they
 * may name files, and grow without end.
 *
 * @param rootName name of the root element
 * @param lists paths of the elements that may occur several times, `annotation.object`; they are always lists
 * @throws {DataError} `file:line: …` for what is no XML, has entities of its own, or nests too deeply
 */
export async function readXml(path: string, rootName: string, lists: readonly string[]): Promise<XmlFile> {
  const bytes = await readBytes(path, MOST);
  const declared = /^[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(
    bytes.subarray(0, 200).toString('latin1'),
  )?.[1];
  const text = decodeText(bytes, path, declared?.toLowerCase());
  const line = (index: number) => text.slice(0, index).split('\n').length;
  const doctype = /<!(?:DOCTYPE|ENTITY)/i.exec(text);
  if (doctype && /<!ENTITY/i.test(text)) {
    throw new DataError(`${path}:${line(doctype.index)}: declares entities, which are not read`);
  }
  checkDepth(text, (index) => `${path}:${line(index)}`);
  const fail = (where: number, message: string, cause?: unknown): never => {
    throw new DataError(`${path}:${where}: ${message.trim().replaceAll('\n', '; ')}`, { cause });
  };
  // Loaded late, as every program imports this module and few read XML.
  const { XMLParser, XMLValidator } = await import('fast-xml-parser');
  try {
    const valid = XMLValidator.validate(text);
    if (valid !== true) return fail(valid.err.line, valid.err.msg);
    const parser = new XMLParser({
      parseTagValue: false,
      ignoreAttributes: false,
      attributeNamePrefix: '@',
      parseAttributeValue: false,
      isArray: (_, at) => lists.includes(at as string),
    });
    const parsed = parser.parse(text) as Record<string, unknown>;
    const root = parsed[rootName];
    if (root === undefined) return fail(1, `expected <${rootName}>`);
    if (typeof root !== 'object' || root === null) return { root: {}, text };
    if (Array.isArray(root)) return fail(1, `expected one <${rootName}>, found ${root.length}`);
    return { root: root as Record<string, unknown>, text };
  } catch (error) {
    if (error instanceof DataError) throw error;
    return fail(1, (error as Error).message, error);
  }
}

/** A walk over the tags alone, so that the parser, which calls itself, never sees what is too deep for it. */
function checkDepth(text: string, where: (index: number) => string): void {
  let depth = 0;
  for (const match of text.matchAll(/<(\/?)[\p{L}_:][^<>]*?(\/?)>/gu)) {
    if (match[1]) depth--;
    else if (!match[2]) depth++;
    if (depth > DEEPEST) {
      throw new DataError(`${where(match.index)}: elements are nested more than ${DEEPEST} deep`);
    }
  }
}

/** Lines, from 1, on which a pattern matches. */
export function linesOf(text: string, pattern: RegExp): number[] {
  const lines: number[] = [];
  let line = 1;
  let position = 0;
  for (const match of text.matchAll(pattern)) {
    for (; position < match.index; position++) if (text[position] === '\n') line++;
    lines.push(line);
  }
  return lines;
}

/** The text of an element, with attributes or without; undefined where it holds elements or there is none. */
export function xmlText(element: unknown): string | undefined {
  const text =
    typeof element === 'object' && element !== null ? (element as Record<string, unknown>)['#text'] : element;
  return typeof text === 'string' ? text.trim() : undefined;
}
