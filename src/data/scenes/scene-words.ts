import { UsageError } from '../../errors/index.ts';
import type { Random } from '../../random/index.ts';
import { type Scene, type SceneColor, type SceneShape, sceneColors, sceneShapes } from './draw-scenes.ts';

/** How the left object of a scene lies to the right one: its centre higher or lower by a sixth of the image, or neither. */
export const sceneRelations = ['above', 'below', 'beside'] as const;
export type SceneRelation = (typeof sceneRelations)[number];

/** Words of captions and questions; a word's number is its place. The first stands for no word, the last ends a caption. */
export const sceneWords = [
  '',
  'a',
  ...sceneColors,
  ...sceneShapes,
  ...sceneRelations,
  'what',
  'is',
  'the',
  'there',
  'color',
  'shape',
  'thing',
  '.',
] as const;
export type SceneWord = (typeof sceneWords)[number];

/** What questions can be answered with; an answer's number is its place. */
export const sceneAnswers = [...sceneColors, ...sceneShapes, 'yes', 'no'] as const;
export type SceneAnswer = (typeof sceneAnswers)[number];

/** Words of the longest caption, and of the longest question. */
export const captionLength = 8;
export const questionLength = 6;

const relationOf = ({ objects: [left, right] }: Scene): SceneRelation =>
  right.y - left.y > 1 / 6 ? 'above' : left.y - right.y > 1 / 6 ? 'below' : 'beside';

/**
 * What a scene shows, in words, from left to right: "a red circle below a blue square .".
 *
 * @returns for each word also the object that it is about, none for most
 */
export function captionOf(scene: Scene): { words: SceneWord[]; objects: (0 | 1 | undefined)[] } {
  const [left, right] = scene.objects;
  return {
    words: ['a', left.color, left.shape, relationOf(scene), 'a', right.color, right.shape, '.'],
    objects: [undefined, 0, 0, undefined, undefined, 1, 1, undefined],
  };
}

export interface SceneQuestion {
  readonly words: readonly SceneWord[];
  readonly answer: SceneAnswer;
  /** The object that the answer is about; none for "no" and for how objects lie. */
  readonly object: 0 | 1 | undefined;
  readonly kind: SceneQuestionKind;
}

export const sceneQuestionKinds = ['color', 'shape', 'there', 'where'] as const;
export type SceneQuestionKind = (typeof sceneQuestionKinds)[number];

/**
 * A question about a scene, with its answer:
 *
 * - `color`: "what color is the circle", `shape`: "what shape is the red thing";
 * - `there`: "is there a red circle", half of which there are; the others have the colour of one object and the shape of the
 *   other, or something that the scene does not show;
 * - `where`: "is the circle above the square", or below, or beside; a third of which is so.
 */
export function questionOf(scene: Scene, kind: SceneQuestionKind, random: Random): SceneQuestion {
  const asked = random.integer(2) as 0 | 1;
  const object = scene.objects[asked];
  const other = scene.objects[1 - asked]!;
  switch (kind) {
    case 'color':
      return {
        words: ['what', 'color', 'is', 'the', object.shape],
        answer: object.color,
        object: asked,
        kind,
      };
    case 'shape':
      return {
        words: ['what', 'shape', 'is', 'the', object.color, 'thing'],
        answer: object.shape,
        object: asked,
        kind,
      };
    case 'there': {
      if (random.next() < 0.5) {
        return {
          words: ['is', 'there', 'a', object.color, object.shape],
          answer: 'yes',
          object: asked,
          kind,
        };
      }
      const [color, shape] = absent(scene, asked, random);
      return { words: ['is', 'there', 'a', color, shape], answer: 'no', object: undefined, kind };
    }
    case 'where': {
      const relation = random.pick(sceneRelations);
      const ofLeft = relationOf(scene);
      const turned = { above: 'below', below: 'above', beside: 'beside' } as const;
      const holds = relation === (asked === 0 ? ofLeft : turned[ofLeft]);
      return {
        words: ['is', 'the', object.shape, relation, 'the', other.shape],
        answer: holds ? 'yes' : 'no',
        object: undefined,
        kind,
      };
    }
  }
}

/** A colour and a shape that no object of the scene has together. */
function absent({ objects }: Scene, asked: 0 | 1, random: Random): [SceneColor, SceneShape] {
  const [one, other] = [objects[asked], objects[1 - asked]!];
  if (random.next() < 0.5) return [one.color, other.shape];
  const color = random.pick(sceneColors.filter((each) => objects.every((object) => object.color !== each)));
  return [color, random.pick(sceneShapes)];
}

/**
 * Words as numbers, filled up on the left with the number of no word: what an embedding takes, so that a recurrent layer ends on
 * the last word.
 *
 * @throws {UsageError} for a word that is not among {@link sceneWords}, or more words than `length`
 */
export function wordNumbers(words: readonly string[], length: number): number[] {
  if (words.length > length) {
    throw new UsageError(`words: expected at most ${length}, received ${words.length}`);
  }
  const numbers = words.map((word) => {
    const number = (sceneWords as readonly string[]).indexOf(word);
    if (number < 0)
      throw new UsageError(`words: expected one of ${sceneWords.join(' ')}, received "${word}"`);
    return number;
  });
  return [...new Array<number>(length - numbers.length).fill(0), ...numbers];
}
