import * as z from 'zod';
import type { LookJob } from '../look/index.ts';

const name = z.string().min(1).max(300);
const index = z.int().min(0).max(1_000_000);

const look = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('scores') }),
  z.strictObject({
    kind: z.literal('map'),
    method: name,
    class: index,
    layer: name.optional(),
    samples: z.int().min(1).max(100_000).optional(),
  }),
  z.strictObject({ kind: z.literal('strips') }),
  z.strictObject({ kind: z.literal('layer'), node: name }),
  z.strictObject({ kind: z.literal('unit'), node: name, channel: index }),
  z.strictObject({
    kind: z.literal('project'),
    layer: name,
    channel: index,
    position: z.tuple([index, index]),
  }),
  z.strictObject({ kind: z.literal('maximize'), layer: name, channel: index }),
]) satisfies z.ZodType<LookJob>;

/** Which network answers: that of the run, or the n-th that learned from it. */
const network = z.int().min(0).max(10_000).default(0);

/** What a page may ask. Anything else is refused, with a sentence. */
export const pageJob = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('look'), image: name, network, look }),
  z.strictObject({ kind: z.literal('image'), image: name }),
  z.strictObject({ kind: z.literal('list'), split: name, from: index, count: z.int().min(1).max(200) }),
  z.strictObject({
    kind: z.literal('thumbnails'),
    images: z.array(name).min(1).max(60),
    side: z.int().min(16).max(160),
  }),
  z.strictObject({
    kind: z.literal('tops'),
    layer: name,
    channel: index,
    split: name,
    count: z.int().min(1).max(16).default(9),
    limit: z.int().min(1).max(5000).default(300),
  }),
  z.strictObject({ kind: z.literal('likeness'), image: name, at: z.tuple([index, index]) }),
]);

export type PageJob = z.infer<typeof pageJob>;

/** What the server asks for itself: nothing that comes from a page as it is. */
export type ServerJob =
  | { readonly kind: 'view' }
  | { readonly kind: 'upload'; readonly bytes: Uint8Array; readonly name: string }
  | {
      readonly kind: 'scan';
      readonly split: string;
      readonly from: number;
      readonly count: number;
      readonly network: number;
    }
  | { readonly kind: 'labels'; readonly split: string }
  /** A further network, of a run that learned from this one. */
  | { readonly kind: 'adopt'; readonly network: number; readonly run: string };

export type SessionJob = PageJob | ServerJob;
