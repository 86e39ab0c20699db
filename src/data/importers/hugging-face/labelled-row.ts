import * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import type { AnnotatedImage, Shape } from '../reading/annotated-image.ts';

/** Columns that hold the class of an image, and those of its objects, by the names that data sets on the Hub use. */
const LABEL_COLUMNS = ['label', 'labels', 'class', 'category', 'fine_label', 'target'];
const OBJECT_LABELS = ['category', 'categories', 'category_id', 'label', 'labels', 'class'];
const GROUP_COLUMNS = ['group'];

const boxes = z.array(z.array(z.coerce.number()).length(4));

/** Names for the numbers of classes, where the data set tells them. */
export interface ClassNames {
  image?: readonly string[] | undefined;
  objects?: readonly string[] | undefined;
}

/**
 * Labels, group and boxes of a row of metadata: `label` (a name, a number or a list), and `objects` with `bbox`
 * [x, y, width, height] in pixels and `category`.
 *
 * @throws {DataError} that names the column
 */
export function labelledRow(
  row: Readonly<Record<string, unknown>>,
  names: ClassNames,
  where: string,
): Pick<AnnotatedImage, 'labels' | 'shapes' | 'group'> {
  const column = LABEL_COLUMNS.find((name) => row[name] !== undefined && row[name] !== null);
  const labels = column
    ? [row[column]].flat().map((value) => nameOf(value, names.image, `${where}: ${column}`))
    : [];
  const group = GROUP_COLUMNS.map((name) => row[name]).find(
    (value) => value !== undefined && value !== null && value !== '',
  );
  return {
    labels: [...new Set(labels)],
    shapes: objectsOf(row.objects, names, where),
    ...(group !== undefined && { group: String(group) }),
  };
}

function objectsOf(objects: unknown, names: ClassNames, where: string): Shape[] {
  if (typeof objects !== 'object' || objects === null) return [];
  const list = Array.isArray(objects)
    ? objects.map((object) => object as Record<string, unknown>)
    : columnsToRows(objects as Record<string, unknown>, where);
  return list.map((object, i) => {
    const at = `${where}: objects[${i}]`;
    const found = boxes.safeParse([object.bbox]);
    const label = OBJECT_LABELS.map((name) => object[name]).find(
      (value) => value !== undefined && value !== null,
    );
    if (!found.success || label === undefined)
      throw new DataError(`${at}: expected bbox [x, y, width, height] and a category`);
    const [x, y, w, h] = found.data[0] as [number, number, number, number];
    const sides = { xmin: x, ymin: y, xmax: x + w, ymax: y + h };
    return { label: nameOf(label, names.objects, at), where: at, sides };
  });
}

/** Objects are a list, or a list for each of their features. */
function columnsToRows(objects: Record<string, unknown>, where: string): Record<string, unknown>[] {
  const lists = Object.entries(objects).filter((entry): entry is [string, unknown[]] =>
    Array.isArray(entry[1]),
  );
  const count = (objects.bbox as unknown[] | undefined)?.length ?? 0;
  const odd = lists.find(([name, list]) => OBJECT_LABELS.includes(name) && list.length !== count);
  if (odd) throw new DataError(`${where}: objects: ${odd[0]} has ${odd[1].length} values for ${count} boxes`);
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(lists.map(([name, list]) => [name, list[i]])),
  );
}

function nameOf(value: unknown, names: readonly string[] | undefined, where: string): string {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && names) {
    const name = names[number];
    if (name === undefined)
      throw new DataError(`${where}: class ${number} is out of range: ${names.length} classes are named`);
    return name;
  }
  if (typeof number !== 'string' && typeof number !== 'number' && typeof number !== 'boolean') {
    throw new DataError(`${where}: expected the name or number of a class, found ${typeof number}`);
  }
  const text = String(number).trim();
  if (text === '') throw new DataError(`${where}: the class is empty`);
  return text;
}
