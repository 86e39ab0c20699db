import type { Region } from '../data/index.ts';
import { areaUnderCurve } from './composite-answers.ts';

/** How well one simple feature of a picture tells the classifier's answer. */
export interface FeatureLink {
  readonly feature: string;
  /** Area under the ROC curve of the feature against the answer, at least 0.5: 0.5 says nothing, 1 all. */
  readonly auc: number;
  /** Whether the answer is yes where the feature is high, or where it is low. */
  readonly yesWhere: 'high' | 'low';
}

/** A picture with its answer. The object's pixels are left out of its features. */
export interface AnsweredPicture {
  readonly pixels: Float32Array;
  readonly object: Region | undefined;
  readonly yes: boolean;
  /** Other classes in the picture, by name. */
  readonly others?: readonly string[] | undefined;
}

/**
 * Which feature of what surrounds the object tells the answer best: colour, brightness, texture, borders, the place of
 * the object, classes beside it.
 *
 * On composites, where object and ground were drawn independently of each other, a classifier without a shortcut has
 * every feature of the ground near 0.5.
 *
 * @returns the features, the most telling first
 */
export function linkFeatures(
  pictures: readonly AnsweredPicture[],
  [height, width]: readonly [number, number],
): FeatureLink[] {
  const classes = [...new Set(pictures.flatMap(({ others = [] }) => others))];
  const rows = pictures.map((one) => ({
    ...featuresOf(one, height, width),
    ...Object.fromEntries(
      classes.map((name) => [`class ${name} beside it`, Number(one.others?.includes(name) ?? false)]),
    ),
  })) as Record<string, number>[];
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return names
    .flatMap((feature): FeatureLink[] => {
      const of = (yes: boolean) =>
        rows.flatMap((row, i) => (pictures[i]!.yes === yes && feature in row ? [row[feature]!] : []));
      const auc = areaUnderCurve(of(true), of(false));
      if (Number.isNaN(auc)) return [];
      return [{ feature, auc: Math.max(auc, 1 - auc), yesWhere: auc >= 0.5 ? 'high' : 'low' }];
    })
    .sort((a, b) => b.auc - a.auc);
}

/** How far a pixel of a bar may be from the bar's corner. */
const barSpread = 0.04;

/**
 * Share of the picture that bars cover: rows above and below, and columns left and right, that are of one colour from
 * the edge on. A letterbox, a frame, a scanner's margin.
 */
function barsOf(pixels: Float32Array, height: number, width: number): number {
  const uniform = (corner: number, first: number, step: number, count: number) => {
    for (let i = 0; i < count; i++) {
      for (let c = 0; c < 3; c++) {
        const value = pixels[(first + i * step) * 3 + c]!;
        if (Math.abs(value - pixels[corner * 3 + c]!) > barSpread) return false;
      }
    }
    return true;
  };
  const depth = (corner: number, across: number, step: number, count: number, most: number) => {
    let lines = 0;
    while (lines < most && uniform(corner, corner + lines * across, step, count)) lines++;
    return lines;
  };
  const [last, lastRow] = [height * width - 1, (height - 1) * width];
  const above = depth(0, width, 1, width, height);
  // A picture of one colour is no bar.
  if (above === height) return 0;
  const below = depth(lastRow, -width, 1, width, height - above);
  const left = depth(0, 1, width, height, width);
  const right = depth(last - lastRow, -1, width, height, width - left);
  return (above + below) / height + (left + right) / width;
}

function featuresOf({ pixels, object }: AnsweredPicture, height: number, width: number) {
  const sum = { red: 0, green: 0, blue: 0, brightness: 0, saturation: 0, upper: 0, lower: 0 };
  let [count, upperCount, texture, textureCount, border, borderCount] = [0, 0, 0, 0, 0, 0];
  const edge = Math.max(1, Math.round(Math.min(height, width) / 16));
  for (let p = 0; p < height * width; p++) {
    if (object?.[p]) continue;
    const [r, g, b] = [pixels[p * 3]!, pixels[p * 3 + 1]!, pixels[p * 3 + 2]!];
    const light = (r + g + b) / 3;
    const x = p % width;
    const y = (p - x) / width;
    count++;
    sum.red += r - light;
    sum.green += g - light;
    sum.blue += b - light;
    sum.brightness += light;
    sum.saturation += Math.max(r, g, b) - Math.min(r, g, b);
    if (y < height / 2) {
      sum.upper += light;
      upperCount++;
    } else {
      sum.lower += light;
    }
    if (x < edge || y < edge || x >= width - edge || y >= height - edge) {
      border += light;
      borderCount++;
    }
    if (x + 1 < width && !object?.[p + 1]) {
      const next = (p + 1) * 3;
      texture += Math.abs(light - (pixels[next]! + pixels[next + 1]! + pixels[next + 2]!) / 3);
      textureCount++;
    }
  }
  const per = Math.max(1, count);
  const features: Record<string, number> = {
    'red of the surroundings': sum.red / per,
    'green of the surroundings': sum.green / per,
    'blue of the surroundings': sum.blue / per,
    brightness: sum.brightness / per,
    saturation: sum.saturation / per,
    'light above against below':
      sum.upper / Math.max(1, upperCount) - sum.lower / Math.max(1, count - upperCount),
    texture: texture / Math.max(1, textureCount),
    'brightness of the border': border / Math.max(1, borderCount) - sum.brightness / per,
    'bars at the edges': barsOf(pixels, height, width),
  };
  if (object) {
    let [area, across, down] = [0, 0, 0];
    object.forEach((value, p) => {
      if (!value) return;
      area++;
      across += p % width;
      down += Math.floor(p / width);
    });
    if (area > 0) {
      features['place of the object, left to right'] = across / area / width;
      features['place of the object, top to bottom'] = down / area / height;
      features['size of the object'] = area / (height * width);
    }
  }
  return features;
}
