import type { ImageCache } from './image-cache.ts';
import { decodeImage, decodeMask, type Pixels } from './image-decoding.ts';
import { decodeExample, type ImageExample, type LabelRule } from './image-example.ts';
import { RecordFile, recordId } from './record-file.ts';

/** A shard, and which examples of the data set it holds. */
export interface Shard {
  path: string;
  firstExample: number;
  boundaries: Float64Array;
}

/** The union of the objects of a class: [height, width] of 0 and 1. */
export interface ClassMask extends Pixels {
  class: number;
}

/** The class under which the mask of what must not matter is kept with those of the objects. */
const CONFOUNDER = -1;

/** What is kept of an example beside its pixels. */
type Annotations = Pick<ImageExample, 'labels' | 'unknown' | 'group' | 'objects' | 'frames'>;

/** An example with its pixels, ready to be placed into a batch. */
export interface DecodedExample extends Annotations {
  id: string;
  pixels: Pixels;
  /** Of each class that has masks; empty where none were asked for. */
  masks: ClassMask[];
  /** Of what must not matter, [height, width]; absent where there is none, or no masks were asked for. */
  confounder?: Pixels | undefined;
}

/** How far an image may be shrunk while it is decoded; see {@link decodeImage}. */
export type Shrink = (width: number, height: number) => number;

/** Reads and decodes examples by their number, through a cache. One for each thread; the cache may be shared. */
export class ExampleReader {
  readonly #rule: LabelRule;
  readonly #cache: ImageCache;
  readonly #shards: Shard[] = [];
  readonly #files = new Map<Shard, Promise<RecordFile>>();
  /** Of the examples whose pixels are cached, so that their records need not be read again. */
  readonly #annotations = new Map<number, Annotations>();

  constructor(rule: LabelRule, cache: ImageCache) {
    this.#rule = rule;
    this.#cache = cache;
  }

  addShards(shards: readonly Shard[]): void {
    this.#shards.push(...shards);
    this.#shards.sort((a, b) => a.firstExample - b.firstExample);
  }

  /**
   * @param withMasks whether the masks of the objects are needed
   * @throws {DataError} that names file and record
   */
  async read(example: number, withMasks: boolean, shrink: Shrink): Promise<DecodedExample> {
    const shard = this.#shardOf(example);
    const record = example - shard.firstExample;
    const id = recordId(shard.path, record);

    const annotations = this.#annotations.get(example);
    const cached = this.#cachedImage(example, shrink);
    const cachedMasks = withMasks ? this.#cachedMasks(example) : [];
    if (annotations && cached && cachedMasks) {
      return { id, ...annotations, pixels: cached.pixels, ...apart(cachedMasks) };
    }

    const where = `${shard.path}, record ${record}`;
    const stored = decodeExample(await (await this.#file(shard)).read(record), this.#rule, where);
    const { labels, unknown, group, frames } = stored;
    const kept: Annotations = {
      labels,
      ...(unknown && { unknown }),
      ...(group && { group }),
      ...(frames !== undefined && { frames }),
      objects: stored.objects.map(({ mask: _, ...box }) => box),
    };
    const { pixels, full } = cached ?? (await decodeImage(stored.encoded, where, stored, shrink));
    const masks = cachedMasks ?? (await decodeClassMasks(stored, full, where));

    if (!cached) {
      this.#cache.put(
        'image',
        example,
        [pixels.width, pixels.height, full.width, full.height],
        [pixels.data],
      );
    }
    if (!cachedMasks) {
      this.#cache.put(
        'masks',
        example,
        [full.width, full.height, ...masks.map((mask) => mask.class)],
        masks.map((mask) => mask.data),
      );
    }
    if (this.#cache.get('image', example)) this.#annotations.set(example, kept);
    return { id, ...kept, pixels, ...apart(masks) };
  }

  close(): void {
    for (const file of this.#files.values()) file.then((opened) => opened.close()).catch(() => {});
    this.#files.clear();
  }

  #cachedImage(example: number, shrink: Shrink) {
    const entry = this.#cache.get('image', example);
    if (!entry) return undefined;
    const [width, height, fullWidth, fullHeight] = entry.numbers as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (width !== Math.round(fullWidth / shrink(fullWidth, fullHeight))) return undefined;
    return { pixels: { data: entry.bytes, width, height }, full: { width: fullWidth, height: fullHeight } };
  }

  #cachedMasks(example: number): ClassMask[] | undefined {
    const entry = this.#cache.get('masks', example);
    if (!entry) return undefined;
    const [width, height, ...classes] = entry.numbers as unknown as [number, number, ...number[]];
    const size = width * height;
    return classes.map((index, i) => ({
      class: index,
      width,
      height,
      data: entry.bytes.subarray(i * size, (i + 1) * size),
    }));
  }

  #shardOf(example: number): Shard {
    let [low, high] = [0, this.#shards.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#shards[middle]!.firstExample <= example) low = middle;
      else high = middle - 1;
    }
    return this.#shards[low]!;
  }

  #file(shard: Shard): Promise<RecordFile> {
    let file = this.#files.get(shard);
    if (!file) {
      file = RecordFile.open(shard.path, shard.boundaries);
      this.#files.set(shard, file);
    }
    return file;
  }
}

/** Decodes the masks of an example and unites those of one class, in the order in which the classes appear. */
async function decodeClassMasks(
  { objects, confounder }: ImageExample,
  size: { width: number; height: number },
  where: string,
): Promise<ClassMask[]> {
  const union = new Map<number, Uint8Array>();
  for (const [i, object] of objects.entries()) {
    if (!object.mask) continue;
    const mask = await decodeMask(object.mask, size, `${where}, object ${i}`);
    const before = union.get(object.class);
    if (before) for (let pixel = 0; pixel < mask.length; pixel++) before[pixel]! |= mask[pixel]!;
    else union.set(object.class, mask);
  }
  if (confounder) union.set(CONFOUNDER, await decodeMask(confounder, size, `${where}, image/confounder`));
  return [...union].map(([index, data]) => ({ class: index, data, ...size }));
}

/** The masks of objects, and that of what must not matter. */
function apart(masks: readonly ClassMask[]): Pick<DecodedExample, 'masks' | 'confounder'> {
  const confounder = masks.find((mask) => mask.class === CONFOUNDER);
  return {
    masks: masks.filter((mask) => mask.class !== CONFOUNDER),
    ...(confounder && { confounder }),
  };
}
