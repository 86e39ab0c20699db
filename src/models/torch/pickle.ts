import { ModelError } from '../../errors/index.ts';

/** A call that the file asks for and that was allowed; nothing is executed, the caller reads what was asked. */
export class PickledCall {
  readonly callee: string;
  readonly args: readonly unknown[];

  constructor(callee: string, args: readonly unknown[]) {
    this.callee = callee;
    this.args = args;
  }
}

/** A reference to something outside of the pickle: PyTorch's storages. */
export class PersistentId {
  readonly id: unknown;

  constructor(id: unknown) {
    this.id = id;
  }
}

/** The name of a class or function. */
class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What a state dict is made of. A file that names anything else is refused, and nothing of it is run. */
const allowed: ReadonlySet<string> = new Set([
  'collections.OrderedDict',
  'torch._utils._rebuild_tensor_v2',
  'torch._utils._rebuild_parameter',
  'torch.Size',
  ...['Float', 'Double', 'Half', 'BFloat16', 'Long', 'Int', 'Short', 'Char', 'Byte', 'Bool'].map(
    (kind) => `torch.${kind}Storage`,
  ),
]);

const maxDepth = 1_000_000;
const mark = Symbol('mark');

/**
 * Reads the part of Python's pickle that state dicts are made of, protocols 2 to 4, and runs nothing: functions and
 * classes are names from a list, calls of them become {@link PickledCall}.
 *
 * @returns maps for dicts, arrays for lists and tuples, numbers, strings, null, booleans
 * @throws {ModelError} when it is damaged or names something that is not on the list
 */
export function readPickle(file: string, bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;

  const fail = (what: string): never => {
    throw new ModelError(`${file}: the pickle in it ${what}`);
  };
  const take = (count: number): number => {
    if (count < 0 || at + count > bytes.length) fail('is cut short');
    at += count;
    return at - count;
  };
  const u8 = () => view.getUint8(take(1));
  const u32 = () => view.getUint32(take(4), true);
  const text = (length: number) => {
    const start = take(length);
    return decoder.decode(bytes.subarray(start, start + length));
  };
  const line = () => {
    const end = bytes.indexOf(10, at);
    if (end < 0) fail('is cut short');
    const found = decoder.decode(bytes.subarray(at, end));
    at = end + 1;
    return found;
  };
  const pop = (): unknown => {
    if (stack.length === 0) fail('is damaged');
    return stack.pop();
  };
  const toMark = (): unknown[] => {
    const from = stack.lastIndexOf(mark);
    if (from < 0) fail('is damaged');
    const items = stack.splice(from);
    return items.slice(1);
  };
  const global = (name: string) => {
    if (!allowed.has(name)) {
      fail(
        `names ${JSON.stringify(name.slice(0, 80))}, which is not part of a state dict; save model.state_dict()`,
      );
    }
    return new Global(name);
  };
  const setItems = (target: unknown, items: unknown[]) => {
    if (!(target instanceof Map)) fail('is damaged');
    for (let i = 0; i + 1 < items.length; i += 2)
      (target as Map<unknown, unknown>).set(items[i], items[i + 1]);
  };
  const reduce = (callee: unknown, args: unknown): unknown => {
    if (!(callee instanceof Global) || !Array.isArray(args)) return fail('is damaged');
    if (callee.name !== 'collections.OrderedDict') return new PickledCall(callee.name, args);
    const map = new Map<unknown, unknown>();
    for (const item of (args[0] as unknown[] | undefined) ?? []) setItems(map, item as unknown[]);
    return map;
  };

  for (;;) {
    if (stack.length > maxDepth) fail('is too deep');
    const op = String.fromCharCode(u8());
    switch (op) {
      case '\x80': // PROTO
        if (u8() > 5) fail('is of a protocol that is not known');
        break;
      case '\x95': // FRAME
        take(8);
        break;
      case '.':
        return pop();
      case '(':
        stack.push(mark);
        break;
      case '}':
        stack.push(new Map());
        break;
      case ']':
        stack.push([]);
        break;
      case ')':
        stack.push([]);
        break;
      case 'N':
        stack.push(null);
        break;
      case '\x88':
        stack.push(true);
        break;
      case '\x89':
        stack.push(false);
        break;
      case 'K':
        stack.push(u8());
        break;
      case 'M':
        stack.push(view.getUint16(take(2), true));
        break;
      case 'J':
        stack.push(view.getInt32(take(4), true));
        break;
      case 'G':
        stack.push(view.getFloat64(take(8), false));
        break;
      case '\x8a': {
        const length = u8();
        let value = 0n;
        const start = take(length);
        for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[start + i]!);
        const negative = length > 0 && bytes[start + length - 1]! > 127;
        stack.push(Number(negative ? value - (1n << BigInt(8 * length)) : value));
        break;
      }
      case 'X':
        stack.push(text(u32()));
        break;
      case '\x8c':
        stack.push(text(u8()));
        break;
      case 'c':
        stack.push(global(`${line()}.${line()}`));
        break;
      case '\x93': {
        const name = String(pop());
        stack.push(global(`${String(pop())}.${name}`));
        break;
      }
      case 'q':
        memo.set(u8(), stack.at(-1));
        break;
      case 'r':
        memo.set(u32(), stack.at(-1));
        break;
      case '\x94':
        memo.set(memo.size, stack.at(-1));
        break;
      case 'h':
        stack.push(memo.get(u8()));
        break;
      case 'j':
        stack.push(memo.get(u32()));
        break;
      case '\x85':
        stack.push([pop()]);
        break;
      case '\x86': {
        const second = pop();
        stack.push([pop(), second]);
        break;
      }
      case '\x87': {
        const third = pop();
        const second = pop();
        stack.push([pop(), second, third]);
        break;
      }
      case 't':
        stack.push(toMark());
        break;
      case 'Q':
        stack.push(new PersistentId(pop()));
        break;
      case 'R': {
        const args = pop();
        stack.push(reduce(pop(), args));
        break;
      }
      case '\x81': {
        const args = pop();
        stack.push(reduce(pop(), args));
        break;
      }
      case 's': {
        const value = pop();
        const key = pop();
        setItems(stack.at(-1), [key, value]);
        break;
      }
      case 'u': {
        const items = toMark();
        setItems(stack.at(-1), items);
        break;
      }
      case 'a': {
        const value = pop();
        if (!Array.isArray(stack.at(-1))) fail('is damaged');
        (stack.at(-1) as unknown[]).push(value);
        break;
      }
      case 'e': {
        const items = toMark();
        if (!Array.isArray(stack.at(-1))) fail('is damaged');
        (stack.at(-1) as unknown[]).push(...items);
        break;
      }
      case 'b':
        // The attributes that a dict has beside its items (`_metadata`): they say nothing about weights.
        pop();
        break;
      default:
        fail(`has an instruction that state dicts do not need (${op.charCodeAt(0)})`);
    }
  }
}
