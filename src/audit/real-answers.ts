import { areaOf, eraseRegion, union } from '../data/index.ts';
import { randomFor } from '../random/index.ts';
import { type AuditedImage, greyed } from './evidence.ts';
import type { Scorer } from './scorer.ts';

/** How the answers to real images of a class change when its object, or everything else, is taken away. */
export interface RealAnswers {
  /** Share of the images that show the class and get a yes. */
  readonly found: number;
  /** Share of the images that do not show it and get a no. */
  readonly spared: number;
  /** Share of the images that show it and still get a yes when the object is erased: answers that need no object. */
  readonly yesWithoutObject: number;
  /** Share of those that get a yes when everything but the object is grey: answers that need nothing else. */
  readonly yesWithObjectAlone: number;
  readonly present: number;
  readonly absent: number;
}

/** An image whose answer its object does not decide. */
export interface TellingImage {
  readonly id: string;
  readonly pixels: Float32Array;
  readonly changed: Float32Array;
  /** What was done to it. */
  readonly change: 'object erased' | 'surroundings greyed';
  /** The class's margin before and after. */
  readonly before: number;
  readonly after: number;
}

/**
 * Asks about real images as they are, without the object, and with the object alone.
 *
 * @returns the shares, and the images that tell most: those that keep their yes without the object, and those that
 *   lose it with the object alone
 */
export function answerRealImages(
  scorer: Scorer,
  images: readonly AuditedImage[],
  c: number,
  seed: number,
): { answers: RealAnswers; telling: TellingImage[] } {
  const [height, width] = scorer.imageSize;
  const rows = scorer.logits(images.map(({ pixels }) => pixels));
  const shows = (image: AuditedImage) => image.labels.includes(c);
  const right = images.map((image, i) => scorer.says(rows[i]!, c) === shows(image));
  const share = (flags: readonly boolean[]) => flags.filter(Boolean).length / flags.length;

  const present = images.filter(
    (image) => shows(image) && areaOf(image.regions.get(c) ?? new Uint8Array(0)) > 0,
  );
  const before = rows.filter((_, i) => present.includes(images[i]!)).map((row) => scorer.margin(row, c));
  const erased = present.map((image, i) => {
    const picture = { data: Float32Array.from(image.pixels), width, height };
    const objects = union([...image.regions.values()], width * height);
    eraseRegion(picture, image.regions.get(c)!, objects, randomFor(seed, 'audit', c, i));
    return picture.data;
  });
  const alone = present.map(({ pixels, regions }) => {
    const region = regions.get(c)!;
    return greyed(pixels, (p) => region[p] !== 1);
  });
  const without = scorer.logits(erased).map((row) => scorer.margin(row, c));
  const only = scorer.logits(alone).map((row) => scorer.margin(row, c));
  const telling = present.flatMap(({ id, pixels }, i): TellingImage[] => [
    ...(without[i]! > 0 && before[i]! > 0
      ? [
          {
            id,
            pixels,
            changed: erased[i]!,
            change: 'object erased' as const,
            before: before[i]!,
            after: without[i]!,
          },
        ]
      : []),
    ...(only[i]! <= 0 && before[i]! > 0
      ? [
          {
            id,
            pixels,
            changed: alone[i]!,
            change: 'surroundings greyed' as const,
            before: before[i]!,
            after: only[i]!,
          },
        ]
      : []),
  ]);
  const strength = ({ change, after }: TellingImage) => (change === 'object erased' ? after : -after);
  telling.sort((a, b) => strength(b) - strength(a));
  return {
    answers: {
      found: share(right.filter((_, i) => shows(images[i]!))),
      spared: share(right.filter((_, i) => !shows(images[i]!))),
      yesWithoutObject: share(without.map((value) => value > 0)),
      yesWithObjectAlone: share(only.map((value) => value > 0)),
      present: present.length,
      absent: images.length - images.filter(shows).length,
    },
    telling,
  };
}
