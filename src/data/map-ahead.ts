/**
 * Maps over items in their order, with up to `ahead` results in the making while the caller is busy with one.
 *
 * @throws what `make` throws, when its turn comes; what was begun beyond it is dropped
 */
export async function* mapAhead<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  ahead: number,
  make: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  for await (const item of items) {
    const result = make(item);
    result.catch(() => {});
    begun.push(result);
    if (begun.length > ahead) yield await begun.shift()!;
  }
  while (begun.length > 0) yield await begun.shift()!;
}
