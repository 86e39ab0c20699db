import * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import { type ImportNote, ImportNotes } from '../import-run/import-notes.ts';
import { BoxUnits } from '../reading/box-units.ts';
import { describePlace, type JsonPlace, readJsonPlaces, walkJsonRecords } from './json-records.ts';

const id = z.union([z.int(), z.string().min(1)]);
const positive = z.int().positive();

const imageSchema = z.object({ id, file_name: z.string().min(1), width: positive, height: positive });
const categorySchema = z.object({
  id,
  name: z.string().trim().min(1),
  supercategory: z.unknown().optional(),
});
const referenceSchema = z.object({ image_id: id, category_id: id, bbox: z.unknown().optional() });
const annotationSchema = z.object({
  category_id: id,
  iscrowd: z.coerce.number().default(0),
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
  segmentation: z
    .union([
      z.array(z.array(z.number())),
      z.object({ size: z.tuple([positive, positive]), counts: z.union([z.array(z.number()), z.string()]) }),
    ])
    .nullish(),
});

export type CocoId = z.infer<typeof id>;
export type CocoAnnotation = z.infer<typeof annotationSchema>;

/** An image that is listed, with its annotations, of which only the place is kept. */
export interface CocoImage extends z.infer<typeof imageSchema> {
  place: JsonPlace;
  /** Value of the attribute that groups the images, '' where it has none. */
  group: string;
  categories: Set<CocoId>;
  annotations: JsonPlace[];
}

/** What an annotation file lists. */
export interface CocoFile {
  path: string;
  images: CocoImage[];
  /** Classes in the order of their first ids, which may have gaps; several ids where categories have one name. */
  categories: CocoCategory[];
  problems: DataError[];
  notes: ImportNote[];
}

export interface CocoCategory {
  name: string;
  ids: CocoId[];
}

/**
 * Reads what a COCO annotation file lists. Its size does not matter: of an annotation its place in the file is kept.
 *
 * Categories of one name are one class. The root that Roboflow puts above its categories, which no annotation uses, is
 * left out.
 *
 * @param groupAttribute of an image, itself or in its `attributes` or `extra`, that groups the images
 * @throws {DataError} when it is no JSON, or has no images, categories or annotations, or its boxes are no pixels
 */
export async function readCocoFile(
  path: string,
  groupAttribute?: string,
  onProgress?: (done: number, total: number) => void,
): Promise<CocoFile> {
  const images = new Map<CocoId, CocoImage>();
  const categories = new Map<CocoId, { name: string; above: unknown }>();
  const units = new BoxUnits();
  const references: { image: CocoId; category: CocoId; place: JsonPlace }[] = [];
  const problems: DataError[] = [];
  const problem = (place: JsonPlace, rule: string) =>
    problems.push(new DataError(`${describePlace(path, place)}: ${rule}`));

  const keys = ['images', 'categories', 'annotations'];
  const found = await walkJsonRecords(
    path,
    keys,
    (record, place) => {
      try {
        if (place.key === 'images') {
          const image = check(imageSchema, record, path, place);
          if (images.has(image.id)) problem(place, `another image has the id ${image.id} too`);
          else {
            const group = groupAttribute ? attributeOf(record, groupAttribute) : '';
            images.set(image.id, { ...image, place, group, categories: new Set(), annotations: [] });
          }
        } else if (place.key === 'categories') {
          const category = check(categorySchema, record, path, place);
          if (categories.has(category.id)) problem(place, `another category has the id ${category.id} too`);
          else categories.set(category.id, { name: category.name, above: category.supercategory });
        } else {
          const { image_id, category_id, bbox } = check(referenceSchema, record, path, place);
          const [x, y, w, h] = (Array.isArray(bbox) ? bbox : []).map(Number);
          if (w! > 0 && h! > 0) {
            units.add({ xmin: x!, ymin: y!, xmax: x! + w!, ymax: y! + h! }, describePlace(path, place));
          }
          references.push({ image: image_id, category: category_id, place });
        }
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    },
    (found) => problems.push(found),
    onProgress,
  );
  const missing = keys.find((key) => !found.has(key));
  if (missing) throw new DataError(`${path}: has no list "${missing}"; is it a COCO annotation file?`);

  for (const { image, category, place } of references) {
    const entry = images.get(image);
    if (!entry) problem(place, `its image_id ${image} is not among the images`);
    else if (!categories.has(category))
      problem(place, `its category_id ${category} is not among the categories`);
    else {
      entry.annotations.push(place);
      entry.categories.add(category);
    }
  }
  units.checkPixels('COCO has boxes in pixels: x, y, width, height');
  const notes = new ImportNotes();
  const used = new Set(references.map(({ category }) => category));
  const classes = new Map<string, CocoId[]>();
  for (const [id, { name, above }] of [...categories].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!used.has(id) && isRoot(name, above, categories)) {
      notes.tell('root categories left out, no annotation uses them', `${name} (id ${id})`);
      continue;
    }
    const ids = classes.get(name);
    if (ids) {
      ids.push(id);
      notes.tell('categories of one name, taken for one class', `${name} (ids ${ids.join(', ')})`);
    } else classes.set(name, [id]);
  }
  const merged = Array.from(classes, ([name, ids]) => ({ name, ids }));
  return { path, images: [...images.values()], categories: merged, problems, notes: notes.list };
}

/** Roboflow's exports have a category that all others name as the one above them. */
function isRoot(
  name: string,
  above: unknown,
  categories: ReadonlyMap<CocoId, { name: string; above: unknown }>,
): boolean {
  const others = [...categories.values()].filter((other) => other.name !== name);
  return (
    (above === 'none' || above === '' || above === null || above === undefined) &&
    others.length > 0 &&
    others.every((other) => other.above === name)
  );
}

function attributeOf(record: unknown, name: string): string {
  const places = record as Record<string, unknown>;
  const value = [places, places.attributes, places.extra]
    .map((place) =>
      typeof place === 'object' && place !== null && Object.hasOwn(place, name)
        ? (place as Record<string, unknown>)[name]
        : undefined,
    )
    .find((found) => found !== undefined && found !== null);
  return value === undefined || typeof value === 'object' ? '' : String(value).trim();
}

/**
 * Reads the annotations of an image.
 *
 * @throws {DataError} `file:line: annotations[12].bbox[2]: …`
 */
export async function readCocoAnnotations(
  path: string,
  places: readonly JsonPlace[],
): Promise<{ annotation: CocoAnnotation; place: JsonPlace }[]> {
  const records = await readJsonPlaces(path, places);
  return records.map((record, i) => ({
    annotation: check(annotationSchema, record, path, places[i]!),
    place: places[i]!,
  }));
}

function check<T>(schema: z.ZodType<T>, record: unknown, path: string, place: JsonPlace): T {
  const checked = schema.safeParse(record);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  const within = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  throw new DataError(`${describePlace(path, place)}${within}: ${issue.message}`);
}
