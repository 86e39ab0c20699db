import { join } from 'node:path';
import * as z from 'zod';
import { type Html, html, table } from '../pictures/index.ts';
import { readJson } from './json-file.ts';
import { fileAddress } from './pictures.ts';
import { number } from './score-table.ts';

const share = z.number().nullable();
const interval = z.looseObject({ value: share, low: share, high: share });
const classAudit = z.looseObject({
  class: z.string(),
  verdict: z.looseObject({ finding: z.string(), sentence: z.string() }),
  evidence: z.looseObject({ offShare: share }),
  real: z.looseObject({ yesWithoutObject: share, yesWithObjectAlone: share }).nullable(),
  composites: z
    .looseObject({ apart: interval, together: interval, lean: interval, worst: share, auc: share })
    .nullable(),
  features: z.array(z.looseObject({ feature: z.string(), auc: z.number(), yesWhere: z.string() })),
  telling: z.array(z.looseObject({ id: z.string() })),
});
const audit = z.looseObject({
  split: z.string(),
  images: z.number(),
  masks: z.string(),
  perCell: z.number(),
  classes: z.array(classAudit),
  /** Picture of each class that has one, by the name of its file. */
  pictures: z.record(z.string(), z.string()).default({}),
});

/** What `npm run audit` wrote, and where. */
export interface StoredAudit {
  readonly folder: string;
  readonly audit: z.infer<typeof audit>;
}

/**
 * Reads the audit of a run.
 *
 * @returns undefined where it was not audited
 * @throws {DataError} naming the file and the key that is wrong
 */
export async function readAudit(dir: string): Promise<StoredAudit | undefined> {
  const folder = join(dir, 'audit');
  const read = await readJson(join(folder, 'audit.json'), audit);
  return read && { folder, audit: read };
}

/**
 * Verdicts, a table of the classes, the features that tell their answers, and the pictures.
 *
 * @throws {DataError} naming a picture that is missing or damaged
 */
export async function auditSection({ folder, audit }: StoredAudit): Promise<Html> {
  const { split, images, masks, perCell, classes } = audit;
  const pictures: Html[] = [];
  for (const { class: name } of classes) {
    const file = audit.pictures[name];
    if (file === undefined) continue;
    const { address, width, height } = await fileAddress(join(folder, file));
    const what =
      'composites of each kind with their answers, wrong ones marked; below them real images before and after the object or all else was taken away';
    pictures.push(
      html`<figure><figcaption>${name}: ${what}</figcaption><img src="${address}" width="${width}" height="${height}" alt="${name}: ${what}"></figure>`,
    );
  }
  const known = masks === 'none' ? 'no masks' : masks === 'boxes' ? 'boxes' : `${masks} masks`;
  return html`<h2 id="audit">Audit</h2>
<p>Does an answer follow the object, or what surrounds it? ${images.toLocaleString('en')} images of ${split}, objects known by ${known}, ${perCell} composites of each kind. Where object and surroundings come apart a constant answer has 50.</p>
<ul>${classes.map(({ verdict }) => html`<li>${verdict.sentence.replaceAll('`', '')}</li>`)}</ul>
${table(
  'Answers to composites and to changed images, in percent, with 95 % intervals',
  [
    'class',
    'apart',
    'together',
    'worst cell',
    'AUC',
    'yes without object',
    'yes with it alone',
    'evidence off the object',
  ],
  classes.map(
    ({ class: name, composites, real, evidence }) =>
      html`<tr><th scope="row">${name}</th>${withInterval(composites?.apart)}${withInterval(composites?.together)}${[composites?.worst, composites?.auc, real?.yesWithoutObject, real?.yesWithObjectAlone, evidence.offShare].map((value) => html`<td>${number(value)}</td>`)}</tr>`,
  ),
)}
${table(
  'Features of the surroundings that tell the answer best: area under the ROC curve, 50 says nothing',
  ['class', 'first', 'second', 'third'],
  classes.map(
    ({ class: name, features }) =>
      html`<tr><th scope="row">${name}</th>${[0, 1, 2].map((i) => featureCell(features[i]))}</tr>`,
  ),
)}
${pictures}`;
}

function withInterval(of: z.infer<typeof interval> | undefined): Html {
  if (!of || of.value === null) return html`<td>${number(null)}</td>`;
  const { value, low, high } = of;
  const bounds =
    low !== null &&
    high !== null &&
    html` <small>${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)}</small>`;
  return html`<td>${number(value)}${bounds}</td>`;
}

function featureCell(link: { feature: string; auc: number; yesWhere: string } | undefined): Html {
  if (!link) return html`<td>${number(null)}</td>`;
  return html`<td>${link.feature} ${number(link.auc)}<small> yes where it is ${link.yesWhere}</small></td>`;
}
