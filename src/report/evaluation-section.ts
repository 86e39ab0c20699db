import type { ClassificationScores, EvaluationResult } from '../evaluation/index.ts';
import { facts, type Html, html, slug, table } from '../pictures/index.ts';
import type { StoredEvaluation } from './evaluation-files.ts';
import { faithfulnessSection, sanitySection } from './faithfulness-section.ts';
import { localizationSection } from './localization-section.ts';
import { type Measure, number, scoreTable } from './score-table.ts';
import { teacherSection } from './teacher-section.ts';
import { wrongReasonsSection } from './wrong-reasons-section.ts';

const measures: readonly Measure<ClassificationScores>[] = [
  { name: 'accuracy', of: (scores) => scores.accuracy },
  { name: 'exact match', about: 'all labels of the image right', of: (scores) => scores.exactMatch },
  { name: 'mAP', about: 'mean average precision', of: (scores) => scores.mAP },
  { name: 'top-1', about: 'class has the highest score', of: (scores) => scores.top1 },
  { name: 'top-5', about: 'class is among the five highest', of: (scores) => scores.top5 },
  {
    name: 'calibration error',
    about: 'ECE, 15 bins',
    better: 'lower',
    of: (scores) => scores.calibration?.expectedError,
  },
  { name: 'loss', share: false, of: (scores) => scores.loss },
];

/** Id of the section of a split. */
export const evaluationId = ({ result }: StoredEvaluation, i: number) =>
  `split-${i + 1}-${slug(result.split)}`;

/** All numbers of an evaluated split; the gallery comes in as it is. */
export async function evaluationSection(
  { result }: StoredEvaluation,
  id: string,
  gallery: Html,
): Promise<Html> {
  const { split, classification, localization, faithfulness, sanity, wrongReasons } = result;
  return html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">Evaluation on ${split}</h2>
${facts(subject(result))}
<h3 id="${id}-classification">Classification</h3>
${scoreTable('Classification in percent', [{ name: 'network', scores: classification }], measures)}
${classTable(result)}
${result.teacher && teacherSection(result, result.teacher, id)}
${localization && (await localizationSection(result, localization, id))}
${faithfulness && (await faithfulnessSection(result, faithfulness, id))}
${wrongReasons && wrongReasonsSection(result, wrongReasons, id)}
${sanity && (await sanitySection(sanity, split, id))}
${gallery}
</section>`;
}

/** The methods with the extent of their maps, said once where it is the same for all. */
function mapsOf(methods: readonly string[], { mapSize, mapSizes }: EvaluationResult['model']): string {
  const sizes = methods.map((method) => (mapSizes?.[method] ?? mapSize).join(' × '));
  const all = new Set(sizes);
  if (all.size === 1) return `${methods.join(', ')} (${sizes[0]})`;
  return methods.map((method, m) => `${method} (${sizes[m]})`).join(', ');
}

function subject({
  dataset,
  model,
  settings,
  finished,
  timing,
}: EvaluationResult): (readonly [string, Html | string])[] {
  const truth =
    dataset.boxes + dataset.masks > 0
      ? `${dataset.boxes} boxes, ${dataset.masks} masks`
      : 'neither boxes nor masks';
  return [
    [
      'data',
      `${dataset.name}: ${dataset.images} ${settings.frames ? `clips of ${settings.frames} frames` : 'images'}, ${dataset.pairs} pairs of image and class, ${truth}`,
    ],
    [
      'network',
      [
        model.name,
        `${model.parameters.toLocaleString('en')} parameters`,
        ...(model.multiplyAdds ? [`${model.multiplyAdds.toLocaleString('en')} multiply-adds per image`] : []),
        model.path,
      ].join(', '),
    ],
    ['maps', `${mapsOf(settings.methods, model)} at ${model.targetLayer} (${model.targetLayerReason})`],
    [
      'finished',
      html`<time datetime="${finished}">${finished.slice(0, 16).replace('T', ' ')}</time>, after ${timing.seconds.toFixed(0)} s, ${timing.imagesPerSecond.toPrecision(3)} images per second`,
    ],
    ...(settings.limit === null ? [] : [['limited', `to the first ${settings.limit} images`] as const]),
  ];
}

function classTable({ dataset, classification: { perClass } }: EvaluationResult): Html {
  const rows = dataset.classes.map(
    (name, i) =>
      html`<tr><th scope="row">${name}</th><td>${number(perClass.accuracy[i])}</td><td>${number(perClass.averagePrecision[i])}</td></tr>`,
  );
  return html`<details><summary>Classes</summary>${table('Classification by class, percent', ['class', 'accuracy', 'average precision'], rows)}</details>`;
}
