import type { EvaluationResult, TeacherResult } from '../evaluation/index.ts';
import { type Html, html } from '../pictures/index.ts';
import { type Measure, scoreTable } from './score-table.ts';

/** What stands in the columns of the two networks. */
interface Network {
  readonly scores: EvaluationResult['classification'];
  readonly parameters: number;
  readonly multiplyAdds: number | undefined;
  readonly imagesPerSecond: number;
}

const networkMeasures: readonly Measure<Network>[] = [
  { name: 'accuracy', better: 'higher', of: ({ scores }) => scores.accuracy },
  { name: 'mAP', better: 'higher', of: ({ scores }) => scores.mAP },
  {
    name: 'calibration error',
    about: 'ECE, 15 bins',
    better: 'lower',
    of: ({ scores }) => scores.calibration?.expectedError,
  },
];

const costMeasures: readonly Measure<Network>[] = [
  { name: 'parameters', better: 'lower', share: false, of: ({ parameters }) => parameters },
  {
    name: 'multiply-adds',
    about: 'of an image',
    better: 'lower',
    share: false,
    of: ({ multiplyAdds }) => multiplyAdds,
  },
  {
    name: 'images per second',
    about: 'forward passes, by turns, median',
    better: 'higher',
    share: false,
    of: ({ imagesPerSecond }) => imagesPerSecond,
  },
];

const likenessMeasures: readonly Measure<TeacherResult['maps'][string]>[] = [
  { name: 'cosine', better: 'higher', of: ({ cosine }) => cosine },
  { name: 'rank correlation', better: 'higher', of: ({ rankCorrelation }) => rankCorrelation },
];

/** The evaluated network, a student, beside its teacher. */
export function teacherSection(
  { model, classification }: EvaluationResult,
  teacher: TeacherResult,
  id: string,
): Html {
  const { agreement, maps, throughput } = teacher;
  const student: Network = {
    scores: classification,
    parameters: model.parameters,
    multiplyAdds: model.multiplyAdds,
    imagesPerSecond: throughput.student,
  };
  const networks = [
    { name: 'student', scores: student },
    {
      name: 'teacher',
      scores: { ...teacher, scores: teacher.classification, imagesPerSecond: throughput.teacher },
    },
  ];
  const [h, w] = model.mapSize as [number, number];
  return html`<h3 id="${id}-teacher">Student and teacher</h3>
<p>The teacher is ${teacher.name} of ${teacher.path}. On <data value="${agreement.value}">${(100 * agreement.value).toFixed(1)}</data> % of the images both take the same class for the most likely.</p>
${scoreTable('Answers in percent', networks, networkMeasures)}
${scoreTable(`Cost, in batches of ${throughput.batchSize}`, networks, costMeasures)}
${scoreTable(
  `Likeness of their maps of the true classes, on the student's ${h} × ${w}, in percent`,
  Object.entries(maps).map(([name, scores]) => ({ name, scores })),
  likenessMeasures,
)}`;
}
