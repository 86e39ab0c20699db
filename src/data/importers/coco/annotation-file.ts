import * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import { describePlace, type JsonPlace, readJsonPlaces, walkJsonRecords } from './json-records.ts';

const id = z.union([z.int(), z.string().min(1)]);
const positive = z.int().positive();

const imageSchema = z.object({ id, file_name: z.string().min(1), width: positive, height: positive });
const categorySchema = z.object({ id, name: z.string().min(1) });
const referenceSchema = z.object({ image_id: id, category_id: id });
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
  categories: Set<CocoId>;
  annotations: JsonPlace[];
}

/** What an annotation file lists. */
export interface CocoFile {
  path: string;
  images: CocoImage[];
  /** Categories in the order of their ids, which may have gaps. */
  categories: { id: CocoId; name: string }[];
  problems: DataError[];
}

/**
 * Reads what a COCO annotation file lists. Its size does not matter: of an annotation its place in the file is kept.
 *
 * @throws {DataError} when it is no JSON, or has no images, categories or annotations
 */
export async function readCocoFile(
  path: string,
  onProgress?: (done: number, total: number) => void,
): Promise<CocoFile> {
  const images = new Map<CocoId, CocoImage>();
  const categories = new Map<CocoId, string>();
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
          else images.set(image.id, { ...image, place, categories: new Set(), annotations: [] });
        } else if (place.key === 'categories') {
          const category = check(categorySchema, record, path, place);
          if (categories.has(category.id)) problem(place, `another category has the id ${category.id} too`);
          else categories.set(category.id, category.name);
        } else {
          const { image_id, category_id } = check(referenceSchema, record, path, place);
          references.push({ image: image_id, category: category_id, place });
        }
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    },
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
  const sorted = Array.from(categories, ([id, name]) => ({ id, name })).sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
  return { path, images: [...images.values()], categories: sorted, problems };
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
