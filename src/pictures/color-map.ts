import type { PixelMap, Rgb, RgbImage } from './pixels.ts';

/**
 * - `inferno`, `viridis`, `cividis`: even to the eye, growing in brightness, safe for colour-blind readers; `cividis`
 *   looks nearly the same to all of them
 * - `jet`: as in most papers; neither even nor safe
 * - `gray`: black to white, for masks
 */
export type ColorMapName = 'inferno' | 'viridis' | 'cividis' | 'jet' | 'gray';

/**
 * Colours at evenly spaced values, between which colours are interpolated: every 17th of the 256 entries of
 * matplotlib's maps (by S. van der Walt and N. Smith, CC0), from which no colour deviates by more than 7/255; of cividis
 * (Nuñez, Anderton and Renslow, 2018) by more than 10/255, of jet by more than 16/255.
 */
const CONTROL_POINTS: Record<ColorMapName, string> = {
  inferno:
    '000004 0c0826 240c4f 420a68 5d126e 781c6d 932667 ae305c c73e4c dd513a ed6925 f8850f fca50a fac62d f2e661 fcffa4',
  viridis:
    '440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e 1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725',
  cividis:
    '00224e 002e6c 1e3a6f 35456c 47516c 575d6d 666970 757575 848279 948e77 a59c74 b7a96e c8b866 dbc75a eed649 fee838',
  jet: '000080 0000c4 0008ff 004cff 0090ff 00d4ff 1affe6 5effa2 a2ff5e e6ff1a ffd400 ff9000 ff4c00 ff0800 c40000 800000',
  gray: '000000 ffffff',
};

/** Names of the colour maps, those first that every reader can tell apart. */
export const colorMapNames: readonly ColorMapName[] = ['inferno', 'viridis', 'cividis', 'jet', 'gray'];

const tables = new Map<ColorMapName, Uint8Array>();

/** The 256 colours of a map, RGB one after the other. */
function colorTable(name: ColorMapName): Uint8Array {
  const known = tables.get(name);
  if (known) return known;
  const points = CONTROL_POINTS[name]
    .split(' ')
    .map((hex) => [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const position = (i / 255) * (points.length - 1);
    const lower = Math.min(Math.floor(position), points.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [points[lower]![channel]!, points[lower + 1]![channel]!];
      table[i * 3 + channel] = Math.round(from + (to - from) * (position - lower));
    }
  }
  tables.set(name, table);
  return table;
}

function tableIndex(value: number): number {
  return value > 0 ? Math.round(Math.min(value, 1) * 255) : 0; // NaN too is the colour of 0
}

/**
 * The colour of a value.
 *
 * @param value 0..1; clipped, NaN counts as 0
 */
export function colorOf(value: number, name: ColorMapName): Rgb {
  const table = colorTable(name);
  const at = tableIndex(value) * 3;
  return [table[at]!, table[at + 1]!, table[at + 2]!];
}

/** The map in colours, pixel by pixel. */
export function colorMap(map: PixelMap, name: ColorMapName): RgbImage {
  const table = colorTable(name);
  const data = new Uint8Array(map.data.length * 3);
  for (let i = 0; i < map.data.length; i++) {
    const at = tableIndex(map.data[i]!) * 3;
    data.set(table.subarray(at, at + 3), i * 3);
  }
  return { data, width: map.width, height: map.height };
}
