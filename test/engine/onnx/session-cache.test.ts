import test from 'ava';
import { SessionCache } from '../../../src/engine/onnx/runtime/session-cache.ts';

function cacheOf(capacity: number, maxBytes: number) {
  const disposed: string[] = [];
  const cache = new SessionCache<{ dispose(): void }>(capacity, maxBytes);
  const add = (key: string, bytes: number) =>
    cache.set(key, { dispose: () => void disposed.push(key) }, bytes);
  return { cache, add, disposed };
}

test('the least recently used session goes when there are too many', (t) => {
  const { cache, add, disposed } = cacheOf(2, 100);
  add('a', 1);
  add('b', 1);
  t.truthy(cache.get('a'));
  add('c', 1);
  t.deepEqual(disposed, ['b']);
});

test('or when together they hold too much, also found out later', (t) => {
  const { cache, add, disposed } = cacheOf(9, 100);
  add('a', 40);
  add('b', 40);
  t.deepEqual(disposed, []);
  cache.resize('b', 70);
  t.deepEqual(disposed, ['a']);
  add('c', 20);
  t.deepEqual(disposed, ['a']);
  add('d', 20);
  t.deepEqual(disposed, ['a', 'b']);
  cache.resize('d', 500);
  t.deepEqual(disposed, ['a', 'b', 'c'], 'the one in use stays, however large');
  t.is(cache.size, 1);
});
