import type { Random } from '../../src/random/index.ts';

/** Values where others were meant, the plainest first. */
const ODD_VALUES: readonly unknown[] = [
  null,
  0,
  '',
  -1,
  [],
  {},
  true,
  false,
  'x',
  0.5,
  1e308,
  2 ** 31,
  2 ** 53,
  [null],
  [[]],
  { a: 1 },
  '../../x',
  '/etc/hostname',
  'a\u0000b',
  '__proto__',
  'constructor',
  '\ud800',
  'x'.repeat(300),
];

type Node = Record<string, unknown> | unknown[];

/**
 * Damages a JSON text where it means something: values are left out, replaced by odd ones or by others of the file, keys
 * are renamed. No damage at all is the first choice.
 *
 * @param most of the damages
 */
export function damagedJson(text: string, random: Random, most = 3): string {
  const top: { value: unknown } = { value: JSON.parse(text) };
  const times = random.integer(most + 1);
  for (let i = 0; i < times; i++) {
    const places = placesIn(top);
    const [parent, key] = places[random.integer(places.length)]!;
    const node = parent as Record<string | number, unknown>;
    switch (random.integer(5)) {
      case 0:
        node[key] = ODD_VALUES[random.integer(ODD_VALUES.length)];
        break;
      case 1:
        if (Array.isArray(parent)) parent.splice(key as number, 1);
        else if (parent !== top) delete node[key];
        break;
      case 2: {
        const [otherParent, otherKey] = places[random.integer(places.length)]!;
        node[key] = structuredClone((otherParent as Record<string | number, unknown>)[otherKey]);
        break;
      }
      case 3:
        if (Array.isArray(parent)) parent.push(structuredClone(node[key]));
        else if (parent !== top) {
          node[`${key}${random.integer(3) === 0 ? '' : 'X'}`] = node[key];
          delete node[key];
        }
        break;
      default:
        node[key] = changed(node[key], random);
    }
  }
  return JSON.stringify(top.value);
}

/** A value of the same kind: what a slip of a pen makes. */
function changed(value: unknown, random: Random): unknown {
  if (typeof value === 'number') return random.pick([value + 1, -value, value * 1000, value / 3]);
  if (typeof value === 'string') return random.pick([`${value}x`, value.slice(1), value.toUpperCase()]);
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) return [...value].reverse();
  return value;
}

/** Every place in a value, as its parent and its key. */
function placesIn(top: Node): [Node, string | number][] {
  const found: [Node, string | number][] = [];
  const walk = (node: Node) => {
    for (const key of Object.keys(node)) {
      const at = Array.isArray(node) ? Number(key) : key;
      found.push([node, at]);
      const value = (node as Record<string | number, unknown>)[at];
      if (typeof value === 'object' && value !== null) walk(value as Node);
    }
  };
  walk(top);
  return found;
}
