import { facts, type Html, html, type RgbImage, renderPage, table } from '../pictures/index.ts';
import { drawingRules } from './draw-attribution.ts';
import type { ClassExplanations, ExplainedImage } from './explain-images.ts';
import { type MethodEntry, type MethodGroup, methodGroups } from './method-entry.ts';

/** A class of an image on the page: its pictures as `data:` addresses, by methods. */
export interface ShownClass extends Pick<ClassExplanations, 'index' | 'logit' | 'probability'> {
  readonly tiles: readonly {
    readonly method: MethodEntry;
    readonly address: string;
    /** The range of the raw values; undefined where they are not finite. */
    readonly range: readonly [number, number] | undefined;
    readonly dead: boolean;
  }[];
}

/** An image on the page. */
export interface ShownImage extends Pick<ExplainedImage, 'image' | 'probabilities'> {
  readonly address: string;
  readonly size: Pick<RgbImage, 'width' | 'height'>;
  readonly classes: readonly ShownClass[];
}

export interface ExplanationPage {
  readonly title: string;
  readonly classNames: readonly string[];
  /** Whether the pictures are strips of frames. @default false */
  readonly clips?: boolean | undefined;
  /** What the scores are. @default 'classes': probabilities */
  readonly scored?: 'classes' | 'regions' | 'values' | undefined;
  readonly images: readonly ShownImage[];
  /** The network as a figure. */
  readonly network: Html;
  /** What the network is, and how the page was made. */
  readonly networkFacts: readonly (readonly [string, string])[];
  readonly makingFacts: readonly (readonly [string, string])[];
  readonly notes: readonly string[];
}

/** Classes in the list of scores beside an image. */
const listedScores = 5;

const ownStyle = `
.seen { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.seen figure { flex: 0 0 14rem; }
.seen img, .maps img { display: block; width: 100%; height: auto; }
.seen img { image-rendering: pixelated; }
.scores { flex: 1 1 16rem; max-width: 28rem; margin: 0; padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
.scores li { display: grid; grid-template-columns: minmax(0, 9rem) 1fr 4.5rem; gap: .75rem; align-items: center; padding: .15rem 0; }
.scores .bar { height: .7rem; width: 100%; background: var(--soft); }
.scores .bar rect { fill: var(--line-1); }
.scores .number { text-align: right; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10.5rem, 100%), 1fr)); gap: 1rem; }
.maps figcaption small { display: block; }
.strips .maps { grid-template-columns: minmax(0, 60rem); }
.strips .seen figure { flex: 0 1 60rem; }

h3 small { font-weight: normal; }
.network { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: flex-start; }
.network .scrolls { margin: 0; }
.network svg { display: block; }
.network text { font: 12px system-ui, sans-serif; fill: var(--text); }
.network .name { font-weight: 600; }
.network .kinds, .network .quiet { font-size: 11px; }
.network .quiet { fill: var(--quiet); }
.network .box { fill: var(--soft); stroke: var(--edge); }
.network .target { stroke: var(--line-2); stroke-width: 2px; }
.network .scope { fill: none; stroke: var(--quiet); stroke-dasharray: 4 3; }
.network .edge { fill: none; stroke: var(--quiet); stroke-width: 1.3px; }
.network .head { fill: var(--quiet); }
#methods thead th, td.text { text-align: left; }
td.text { min-width: 12rem; }
@media (max-width: 40rem) { .maps { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .75rem; } }
@media print { .maps { grid-template-columns: repeat(auto-fill, minmax(3.2cm, 1fr)); } .maps figure { break-inside: avoid; } }
`;

/** The page that shows images, classes and methods side by side. It loads nothing. */
export function explanationPage(page: ExplanationPage): string {
  const { title, images, notes } = page;
  const methods = [
    ...new Set(
      images.flatMap(({ classes }) => classes.flatMap(({ tiles }) => tiles.map(({ method }) => method))),
    ),
  ];
  const [one, several] = page.clips ? ['clip', 'clips'] : ['image', 'images'];
  const counts = `${images.length} ${images.length === 1 ? one : several}, ${methods.length} ${methods.length === 1 ? 'method' : 'methods'}`;
  return renderPage({
    title,
    lead: html`<p>What the network sees: ${counts}. For each class, the methods side by side; <a href="#methods">how to read them</a>, <a href="#network">the network</a>.${page.clips && ' Frames side by side; beside this page, each as a GIF.'}</p>
${noteList(notes)}`,
    links: [
      ...images.map(({ image }, i) => ({ id: `image-${i + 1}`, title: image.name })),
      { id: 'methods', title: 'Methods' },
      { id: 'network', title: 'Network' },
      { id: 'making', title: 'How it was made' },
    ],
    sections: [
      ...images.map((image, i) => imageSection(image, `image-${i + 1}`, page)),
      methodSection(methods),
      html`<section id="network" aria-labelledby="network-heading"><h2 id="network-heading">Network</h2>
${facts(page.networkFacts)}
${page.network}</section>`,
      html`<section id="making" aria-labelledby="making-heading"><h2 id="making-heading">How it was made</h2>${facts(page.makingFacts)}</section>`,
    ],
    footer: 'Made by tfjs-gain. The page holds everything it shows; raw maps lie beside it as .npy files.',
    ownStyle,
  });
}

/** A few notes stand open; many fold. */
function noteList(notes: readonly string[]): Html {
  const list = html`${notes.map((note) => html`<p class="note">${note}</p>`)}`;
  return notes.length <= 2 ? list : html`<details><summary>${notes.length} notes</summary>${list}</details>`;
}

function imageSection(
  { image, address, size, probabilities, classes }: ShownImage,
  id: string,
  { classNames: names, clips = false, scored = 'classes' }: ExplanationPage,
): Html {
  const longest = Math.max(1e-12, ...probabilities.map(Math.abs));
  const bar = (value: number) => Math.max(0, scored === 'values' ? value / longest : value);
  const score = scored === 'values' ? short : percent;
  const best = [...probabilities.keys()]
    .sort((a, b) => probabilities[b]! - probabilities[a]!)
    .slice(0, listedScores);
  return html`<section id="${id}"${clips && html` class="strips"`} aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${image.name}</h2>
<div class="seen"><figure><img src="${address}" width="${size.width}" height="${size.height}" alt="${image.name}, as the network sees it"></figure>
<ol class="scores" aria-label="Scores">${best.map(
    (index) =>
      html`<li><span>${names[index]}</span><svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect width="${(100 * bar(probabilities[index]!)).toFixed(1)}" height="1"/></svg><span class="number">${score(probabilities[index]!)}</span></li>`,
  )}</ol></div>
${classes.map((one) => classPart(one, image.name, names[one.index]!, size, scored))}
</section>`;
}

function classPart(
  { logit, probability, tiles }: ShownClass,
  image: string,
  name: string,
  { width, height }: Pick<RgbImage, 'width' | 'height'>,
  scored: NonNullable<ExplanationPage['scored']>,
): Html {
  const said =
    scored === 'values'
      ? short(probability)
      : scored === 'regions'
        ? `${percent(probability)} of the pixels`
        : percent(probability);
  const sum = scored === 'regions' ? 'sum of the logits' : 'logit';
  return html`<h3>${name} <small>${said}${logit !== null && scored !== 'values' && `, ${sum} ${logit.toFixed(2)}`}</small></h3>
<div class="maps">${tiles.map(
    ({ method, address, range, dead }) =>
      html`<figure><img src="${address}" width="${width}" height="${height}" loading="lazy" alt="${method.title} of ${image} for ${name}${dead && ', dead'}"><figcaption>${method.title}<small>${rangeText(range, dead)}</small></figcaption></figure>`,
  )}</div>`;
}

function rangeText(range: readonly [number, number] | undefined, dead: boolean): string {
  if (!range) return 'values that are not finite';
  return dead ? 'dead map: one value all over' : `${short(range[0])} to ${short(range[1])}`;
}

function short(value: number): string {
  if (value === 0) return '0';
  return Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(1) : value.toPrecision(2);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function methodSection(methods: readonly MethodEntry[]): Html {
  const rows = methods.map(
    ({ title, name, group, source, kind }) =>
      html`<tr><th scope="row">${title}${name !== title.toLowerCase() && html`<small class="about">${name}</small>`}</th><td class="text">${familyOf(group)}</td><td class="text">${source}</td><td class="text">${drawingRules[kind]}</td></tr>`,
  );
  return html`<section id="methods" aria-labelledby="methods-heading"><h2 id="methods-heading">Methods</h2>
<p>Every picture has a scale of its own; the numbers below it are the range of the raw values.</p>
${table('Methods, in the order of the pictures', ['method', 'family', 'paper', 'drawn'], rows)}</section>`;
}

function familyOf(group: MethodGroup): string {
  return methodGroups[group];
}
