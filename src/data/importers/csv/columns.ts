import { UsageError } from '../../../errors/index.ts';

/** What a column of a CSV file can hold. */
const COLUMNS = {
  file: ['file', 'filename', 'file_name', 'image', 'path', 'image_path', 'filepath', 'img'],
  label: ['label', 'labels', 'class', 'class_name', 'category', 'name'],
  split: ['split', 'subset', 'set'],
  group: ['group'],
  unknown: ['unknown'],
  xmin: ['xmin', 'x_min', 'x1', 'left'],
  ymin: ['ymin', 'y_min', 'y1', 'top'],
  xmax: ['xmax', 'x_max', 'x2', 'right'],
  ymax: ['ymax', 'y_max', 'y2', 'bottom'],
  x: ['x'],
  y: ['y'],
  w: ['w', 'box_width', 'bbox_width'],
  h: ['h', 'box_height', 'bbox_height'],
  width: ['width', 'image_width'],
  height: ['height', 'image_height'],
} as const;

export type CsvColumn = keyof typeof COLUMNS;

/** Which column of the file holds what, by its number. */
export type CsvColumns = Partial<Record<CsvColumn, number>>;

/**
 * Finds the columns by their names in the header, whatever their case.
 *
 * @param named the user's own, `{ file: 'photo', label: 'breed' }`
 * @throws {UsageError} for a column that does not exist, none for file or label, or half a box
 */
export function findColumns(
  header: readonly string[],
  named: Readonly<Record<string, string>>,
  path: string,
): CsvColumns {
  const names = header.map((name) => name.trim().toLowerCase());
  const columns: CsvColumns = {};
  for (const kind of Object.keys(named)) {
    if (!(kind in COLUMNS)) {
      throw new UsageError(`${kind} is not one of the columns ${Object.keys(COLUMNS).join(', ')}`);
    }
  }
  for (const [kind, usual] of Object.entries(COLUMNS) as [CsvColumn, readonly string[]][]) {
    const own = named[kind];
    const index = own
      ? names.indexOf(own.trim().toLowerCase())
      : names.findIndex((name) => usual.includes(name));
    if (index >= 0) columns[kind] = index;
    else if (own) throw new UsageError(`${path}:1: has no column ${own}; it has ${header.join(', ')}`);
  }
  for (const kind of ['file', 'label'] as const) {
    if (columns[kind] === undefined) {
      throw new UsageError(
        `${path}:1: no column is known to hold the ${kind}; it has ${header.join(', ')} (the option columns can name it)`,
      );
    }
  }
  for (const group of [CORNERS, EXTENT]) {
    const found = group.filter((kind) => columns[kind] !== undefined);
    if (found.length > 0 && found.length < group.length) {
      throw new UsageError(`${path}:1: of the box ${group.join(', ')} it has only ${found.join(', ')}`);
    }
  }
  return columns;
}

const CORNERS = ['xmin', 'ymin', 'xmax', 'ymax'] as const;
const EXTENT = ['x', 'y', 'w', 'h'] as const;

/** The columns that hold the box: corners, or a corner and an extent; undefined where there are none. */
export function boxColumns(columns: CsvColumns): readonly CsvColumn[] | undefined {
  return [CORNERS, EXTENT].find((group) => group.every((kind) => columns[kind] !== undefined));
}
