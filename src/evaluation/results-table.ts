import { wrapLine } from '../progress/index.ts';
import type {
  AnswerResult,
  EvaluationResult,
  FaithfulnessScores,
  LocalizationScores,
  MaybeMeasured,
  TeacherResult,
  WrongReasonScores,
} from './result.ts';

type Column<Scores> = readonly [title: string, value: (scores: Scores) => MaybeMeasured | string];

const localizationColumns: readonly Column<LocalizationScores>[] = [
  ['threshold', ({ threshold }) => threshold?.toFixed(2) ?? '–'],
  ['BoxAcc', (scores) => scores.boxAcc],
  ['BoxAcc V2', (scores) => scores.boxAccV2],
  ['top-1 loc', (scores) => scores.top1Localization],
  ['CorLoc', (scores) => scores.corLoc],
  ['pointing', (scores) => scores.pointing],
  ['energy', (scores) => scores.energy],
  ['PxAP', (scores) => scores.pxAp],
  ['cue mIoU', (scores) => scores.cueMeanIou],
];

const faithfulnessColumns: readonly Column<FaithfulnessScores>[] = [
  ['drop', (scores) => scores.averageDrop],
  ['increase', (scores) => scores.increaseInConfidence],
  ['insertion', (scores) => scores.insertion],
  ['deletion', (scores) => scores.deletion],
  ['ROAD', (scores) => scores.road],
  ['sparseness', (scores) => scores.sparseness ?? '–'],
];

const wrongReasonColumns: readonly Column<WrongReasonScores>[] = [
  ['WR', (scores) => scores.wr],
  ['threshold', ({ threshold }) => threshold?.toFixed(3) ?? '–'],
];

/**
 * The result of a split, for people: shares in per cent with the half width of their interval.
 *
 * @param width columns of the terminal; where a table is wider, every row gets a list of its own
 */
export function evaluationTable(result: EvaluationResult, width = Number.POSITIVE_INFINITY): string {
  const { split, dataset, model, settings, classification, localization, faithfulness, sanity, teacher } =
    result;
  const percent = Math.round(settings.bootstrap.confidence * 100);
  const lines = [
    '',
    `${split} of ${dataset.name}: ${dataset.images} ${settings.frames ? 'clips' : 'images'}, ${dataset.pairsWithTruth} of ${dataset.pairs} (${settings.frames ? 'clip' : 'image'}, class) pairs with a box or mask`,
    `accuracy ${cell(classification.accuracy)}, all right ${cell(classification.exactMatch)}, mAP ${share(classification.mAP)}, ECE ${share(classification.calibration?.expectedError ?? null)}; in per cent, ± half of the ${percent} % interval`,
  ];
  lines.push(...answerLines(classification, width));
  if (localization) {
    const { methods, baselines, thresholdFrom } = localization;
    const named = [
      ...Object.entries(methods),
      ...Object.entries(baselines).flatMap(([name, scores]) =>
        scores ? ([[`(${name})`, scores]] as const) : [],
      ),
    ];
    const from =
      thresholdFrom === 'given'
        ? 'given'
        : thresholdFrom === 'none'
          ? ''
          : `chosen on ${thresholdFrom.images} images of ${thresholdFrom.split}`;
    const how =
      thresholdFrom === 'none'
        ? 'over all frames against the masks; clips have no boxes'
        : `one threshold for all images, ${from}`;
    lines.push(
      '',
      `localization: maps of ${model.targetLayer}, ${how}`,
      ...table(named, localizationColumns, width),
      ...Object.entries(methods).flatMap(([name, { bestThresholdOnThisSplit: best }]) =>
        best
          ? `with the best threshold on ${split} itself: ${name} MaxBoxAcc ${share(best.maxBoxAcc)}, MaxBoxAccV2 ${share(best.maxBoxAccV2)}`
          : [],
      ),
    );
  }
  if (faithfulness) {
    lines.push(
      '',
      `faithfulness: ${faithfulness.images} images; drop and deletion are better low, the others high`,
      ...table(Object.entries(faithfulness.methods), faithfulnessColumns, width),
    );
    for (const [name, rivals] of Object.entries(faithfulness.win)) {
      const wins = Object.entries(rivals).map(([rival, value]) => `${rival} ${share(value)}`);
      if (wins.length > 0) lines.push(`win ${name} against ${wins.join(', ')}`);
    }
  }
  if (result.wrongReasons) {
    const { images, methods } = result.wrongReasons;
    lines.push(
      '',
      `wrong reasons: share of the masks that attributions of the network's answer light up; ${images} images, better low`,
      ...table(Object.entries(methods), wrongReasonColumns, width),
    );
  }
  if (sanity) {
    lines.push(
      '',
      `sanity: rank correlation with the maps of the whole network, layers destroyed from the output on`,
    );
    for (const [name, values] of Object.entries(sanity.rankCorrelation)) {
      lines.push(`${name}  ${values.map((value) => value?.toFixed(2) ?? '–').join(' ')}`);
    }
  }
  if (teacher) lines.push('', ...teacherLines(result, teacher, width));
  return `${lines.map((line) => wrapLine(line, width)).join('\n')}\n`;
}

const answerColumns: readonly (readonly [
  title: string,
  key: 'accuracy' | 'balancedAccuracy' | 'auc' | 'worstGroup' | 'groupMean',
])[] = [
  ['accuracy', 'accuracy'],
  ['balanced', 'balancedAccuracy'],
  ['AUC', 'auc'],
  ['worst group', 'worstGroup'],
  ['mean of groups', 'groupMean'],
];

/** The answers, beside those of the best constant answer: of all classes, of the focus class, by group. */
function answerLines({ answers, focus }: EvaluationResult['classification'], width: number): string[] {
  if (!answers) return [];
  const titles = answerColumns.filter(([, key]) => (answers[key] ?? null) !== null);
  const rows = [{ name: 'all classes', ...answers }, ...(focus ? [focus] : [])].flatMap((of) => [
    [of.name, of] as const,
    [`${of.name}, constant answer`, of.constant] as const,
  ]);
  const columns = titles.map(
    ([title, key]): Column<AnswerResult['constant']> => [title, (scores) => share(scores[key] ?? null)],
  );
  const about = focus ?? answers;
  const groups = Object.entries(about.groups ?? {}).map(
    ([name, { images, accuracy }]) => `${name} ${share(accuracy)} (${images} images)`,
  );
  return [
    '',
    'answers, and those of a network that does not look',
    ...table(rows, columns, width),
    ...(groups.length > 0 ? [`by group${focus ? `, ${focus.name}` : ''}: ${groups.join('; ')}`] : []),
  ];
}

/** The two networks side by side. */
interface Network {
  readonly scores: EvaluationResult['classification'];
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly imagesPerSecond: number;
}

const networkColumns: readonly Column<Network>[] = [
  ['accuracy', ({ scores }) => scores.accuracy],
  ['mAP', ({ scores }) => share(scores.mAP)],
  ['ECE', ({ scores }) => share(scores.calibration?.expectedError ?? null)],
  ['parameters', ({ parameters }) => amount(parameters)],
  ['multiply-adds', ({ multiplyAdds }) => amount(multiplyAdds)],
  [
    'images/s',
    ({ imagesPerSecond }) =>
      imagesPerSecond < 100 ? imagesPerSecond.toPrecision(3) : imagesPerSecond.toFixed(0),
  ],
];

function teacherLines(
  { model, classification }: EvaluationResult,
  teacher: TeacherResult,
  width: number,
): string[] {
  const { agreement, maps, throughput } = teacher;
  const rows: [string, Network][] = [
    [
      'student',
      {
        scores: classification,
        parameters: model.parameters,
        multiplyAdds: model.multiplyAdds ?? Number.NaN,
        imagesPerSecond: throughput.student,
      },
    ],
    ['teacher', { scores: teacher.classification, ...teacher, imagesPerSecond: throughput.teacher }],
  ];
  const grid = model.mapSize.join('x');
  return [
    `teacher ${teacher.path}: both take the same class for the most likely on ${cell(agreement)} % of the images`,
    ...table(rows, networkColumns, width),
    `maps of student and teacher, at the student's ${grid}: cosine and rank correlation, x 100`,
    ...table(Object.entries(maps), likenessColumns, width),
  ];
}

const likenessColumns: readonly Column<TeacherResult['maps'][string]>[] = [
  ['cosine', ({ cosine }) => cosine],
  ['rank correlation', ({ rankCorrelation }) => rankCorrelation],
  ['pairs', ({ rankCorrelation }) => String(rankCorrelation?.count ?? 0)],
];

/** 1234567 as 1.23 M. */
function amount(value: number): string {
  const [unit, name] = value >= 1e9 ? [1e9, ' G'] : value >= 1e6 ? [1e6, ' M'] : [1e3, ' k'];
  return value < 1e3 ? String(value) : `${(value / unit).toPrecision(3)}${name}`;
}

function table<Scores>(
  rows: readonly (readonly [string, Scores])[],
  columns: readonly Column<Scores>[],
  width: number,
): string[] {
  const shown = columns.filter(([, value]) => rows.some(([, scores]) => value(scores) !== null));
  const titles = shown.map(([title]) => title);
  const cells = rows.map(([name, scores]) => [name, ...shown.map(([, value]) => cell(value(scores)))]);
  const all = [['', ...titles], ...cells];
  const widths = all[0]!.map((_, c) => Math.max(...all.map((row) => row[c]!.length)));
  const lines = all.map((row) =>
    row
      .map((text, c) => (c === 0 ? text.padEnd(widths[c]!) : text.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
  if (lines.every((line) => line.length <= width)) return lines;
  const longest = Math.max(...titles.map((title) => title.length));
  return cells.flatMap(([name, ...values]) => [
    name!,
    ...titles.map((title, c) => `  ${title.padEnd(longest)}  ${values[c]}`),
  ]);
}

function cell(measured: MaybeMeasured | string): string {
  if (typeof measured === 'string') return measured;
  if (!measured) return '–';
  const { value, low, high } = measured;
  const spread = low === null || high === null ? '' : ` ±${share((high - low) / 2)}`;
  return `${share(value)}${spread}`;
}

function share(value: number | null): string {
  return value === null || Number.isNaN(value) ? '–' : (100 * value).toFixed(1);
}
