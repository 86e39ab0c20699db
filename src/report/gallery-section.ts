import { stat } from 'node:fs/promises';
import { GainError } from '../errors/index.ts';
import type { EvaluationResult, PairMeasures, PairRecord } from '../evaluation/index.ts';
import { dataAddress, type Html, html, type RgbImage } from '../pictures/index.ts';
import { readImageRecords, type StoredEvaluation } from './evaluation-files.ts';
import { type ChosenPair, chooseGallery, type GalleryGroup } from './gallery-choice.ts';
import { heatPicture, mapOf, pictureSize, readPictures } from './pictures.ts';

type PixelBox = PairRecord['trueBoxes'][number];

export interface GalleryOptions {
  /** Pairs at most. */
  readonly count: number;
  /** Characters of HTML at most, pictures included. */
  readonly budget: number;
  /** Folder of the data set, where it is no longer where it was. */
  readonly data?: string | undefined;
}

export interface Gallery {
  readonly html: Html;
  /** Pairs that are shown. */
  readonly shown: number;
  /** What the reader of the report's making should know: why pictures are missing. */
  readonly notes: readonly string[];
}

/** Images with maps, true and predicted boxes; hits and misses, to be filtered by class. */
export async function gallerySection(
  evaluation: StoredEvaluation,
  id: string,
  options: GalleryOptions,
): Promise<Gallery> {
  const { result, records } = evaluation;
  if (options.count === 0) return { html: html``, shown: 0, notes: [] };
  const there = await stat(records).then(
    () => true,
    () => false,
  );
  if (!there) {
    const note = `${records}: no such file; the report of ${result.split} has no gallery`;
    return {
      html: html`<p class="note">The image records are missing, so there is no gallery.</p>`,
      shown: 0,
      notes: [note],
    };
  }
  const [method] = result.settings.methods;
  const groups = await chooseGallery(() => readImageRecords(records), method!, options.count);
  const { images, note } = await imagesOf(result, groups, options.data);

  let [used, shown] = [0, 0];
  const parts: Html[] = [];
  for (const group of groups) {
    const cards: Html[] = [];
    for (const pair of group.pairs) {
      const card = await galleryCard(result, pair, images.get(pair.record.id));
      if (used + card.text.length > options.budget) break;
      used += card.text.length;
      cards.push(card);
    }
    shown += cards.length;
    if (cards.length > 0) {
      parts.push(
        html`<h4>${group.title}</h4><p>${group.about}</p><ul class="${result.settings.frames ? 'gallery strips' : 'gallery'}">\n${cards}</ul>`,
      );
    }
  }
  if (shown === 0) return { html: html``, shown, notes: [] };
  const full = groups.reduce((sum, { pairs }) => sum + pairs.length, 0) > shown;
  return {
    html: html`<div class="gallery-section"><h3 id="${id}-gallery">Gallery</h3>
<p>${shown} of ${result.dataset.pairs} pairs of ${result.settings.frames ? 'a clip' : 'an image'} and a true class${full && ', as many as fit into the size of this page'}. ${result.settings.frames ? html`Frames side by side.` : html`Boxes: ${boxSample('true')} true, ${boxSample('predicted')} predicted at the threshold of the method. A hit has an IoU of at least 50 %.`}</p>
${note && html`<p class="note">${note}</p>`}
${filter(result, groups, shown)}
${parts}</div>`,
    shown,
    notes: note ? [note] : [],
  };
}

/** Images of the chosen pairs; none, and a note why, where the data set cannot be read. */
async function imagesOf(
  { dataset, split, settings, config }: EvaluationResult,
  groups: readonly GalleryGroup[],
  data: string | undefined,
): Promise<{ images: Map<string, RgbImage>; note?: string }> {
  const records = new Map(groups.flatMap(({ pairs }) => pairs.map(({ record }) => [record.id, record])));
  const fit = (config as { data?: { fit?: 'squash' | 'crop' } } | null)?.data?.fit ?? 'squash';
  const source = {
    dir: data ?? dataset.dir,
    split,
    imageSize: settings.imageSize,
    frames: settings.frames,
    fit,
  };
  try {
    return { images: await readPictures([...records.values()], source) };
  } catch (error) {
    if (!(error instanceof GainError)) throw error;
    return { images: new Map(), note: `The maps stand alone: the images cannot be read (${error.message}).` };
  }
}

async function galleryCard(
  { dataset, settings }: EvaluationResult,
  { record, pair: index }: ChosenPair,
  image: RgbImage | undefined,
): Promise<Html> {
  const pair = record.pairs[index]!;
  const name = dataset.classes[pair.class] ?? `class ${pair.class}`;
  const size = pictureSize(settings.imageSize, settings.frames);
  const score = `${((record.scores[pair.class] ?? 0) * 100).toFixed(0)} %`;
  const first = pair.methods[settings.methods[0]!];
  const top = record.scores.indexOf(Math.max(...record.scores));
  const instead = pair.rank > 1 && html` <small>highest: ${dataset.classes[top]}</small>`;
  const tiles = await Promise.all(
    settings.methods.flatMap((method) => {
      const measures = pair.methods[method];
      return measures ? [methodTile(method, measures, pair, name, size, image)] : [];
    }),
  );
  return html`<li class="card" data-class="${pair.class}"${first?.hit !== undefined && html` data-hit="${first.hit ? 'hit' : 'miss'}"`}>
<p><b>${name}</b> ${score}, rank ${pair.rank}${instead}<small class="id">${record.id}</small></p>
<div class="tiles">${image && (await photoTile(image, pair, name, size))}${tiles}</div></li>\n`;
}

async function photoTile(
  image: RgbImage,
  { trueBoxes }: PairRecord,
  name: string,
  size: readonly [number, number],
): Promise<Html> {
  const label = `image with ${name}${trueBoxes.length > 0 ? `, ${describeBoxes('true box', trueBoxes)}` : ''}`;
  return html`<figure>${picture(await dataAddress(image), label, size, trueBoxes, undefined)}<figcaption>image</figcaption></figure>`;
}

async function methodTile(
  method: string,
  { box, iou, hit, dead, map }: PairMeasures,
  { trueBoxes }: PairRecord,
  name: string,
  size: readonly [number, number],
  image: RgbImage | undefined,
): Promise<Html> {
  const address = await dataAddress(heatPicture(image, mapOf(map), size));
  const verdict = iou !== undefined && `IoU ${(iou * 100).toFixed(1)} %, ${hit ? '✓ hit' : '✗ miss'}`;
  const label = [
    `${method} map for ${name}`,
    dead && 'dead: zero everywhere',
    box && describeBoxes('predicted box', [box]),
    verdict,
  ].filter((part) => part);
  return html`<figure>${picture(address, label.join(', '), size, trueBoxes, box)}<figcaption>${method}${verdict && html`<small>${verdict}</small>`}${dead && html`<small>dead map</small>`}</figcaption></figure>`;
}

/** A picture with boxes over it, true ones solid, the predicted one dashed, each with a dark rim to stand out. */
function picture(
  address: string,
  label: string,
  [height, width]: readonly [number, number],
  trueBoxes: readonly PixelBox[],
  predicted: PixelBox | undefined,
): Html {
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"><image href="${address}" width="${width}" height="${height}" preserveAspectRatio="none"/>${trueBoxes.map(
    (box) => frame(box, 'true'),
  )}${predicted && frame(predicted, 'predicted')}</svg>`;
}

/** Pixels of a box are inclusive: one pixel has width 1. */
function frame([x0, y0, x1, y1]: PixelBox, kind: 'true' | 'predicted'): Html {
  const rectangle = html`x="${x0}" y="${y0}" width="${x1 - x0 + 1}" height="${y1 - y0 + 1}"`;
  return html`<rect class="rim" ${rectangle}/><rect class="${kind}" ${rectangle}/>`;
}

function boxSample(kind: 'true' | 'predicted'): Html {
  return html`<svg class="sample" viewBox="0 0 24 14" width="24" height="14" aria-hidden="true"><rect class="rim" x="2" y="2" width="20" height="10"/><rect class="${kind}" x="2" y="2" width="20" height="10"/></svg>`;
}

const describeBoxes = (name: string, boxes: readonly PixelBox[]) =>
  boxes.map((box) => `${name} from ${box[0]}, ${box[1]} to ${box[2]}, ${box[3]}`).join(', ');

/** Only a script makes it work, so only a script shows it. */
function filter(
  { dataset, settings }: EvaluationResult,
  groups: readonly GalleryGroup[],
  shown: number,
): Html {
  const pairs = groups.flatMap((group) => group.pairs.map(({ record, pair }) => record.pairs[pair]!));
  const classes = [...new Set(pairs.map((pair) => pair.class))].sort((a, b) => a - b);
  const judged = pairs.some((pair) => pair.methods[settings.methods[0]!]?.hit !== undefined);
  return html`<form class="filter" hidden>
<label>Class <select name="class"><option value="">all</option>${classes.map(
    (index) => html`<option value="${index}">${dataset.classes[index] ?? index}</option>`,
  )}</select></label>
${
  judged &&
  html`<label>Box of ${settings.methods[0]} <select name="hit"><option value="">hits and misses</option><option value="hit">hits</option><option value="miss">misses</option></select></label>`
}
<output aria-live="polite">${shown} shown</output>
</form>`;
}
