import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { RunError, UsageError } from '../errors/index.ts';
import { writeWhole } from '../files/index.ts';
import { type Html, html, renderPage } from '../pictures/index.ts';
import { auditSection, readAudit } from './audit-section.ts';
import { readEvaluations, type StoredEvaluation } from './evaluation-files.ts';
import { evaluationId, evaluationSection } from './evaluation-section.ts';
import { gallerySection } from './gallery-section.ts';
import { provenanceSection } from './provenance-section.ts';
import { type RunFiles, readRunFiles } from './run-files.ts';
import { trainingSection } from './training-section.ts';

export interface ReportOptions {
  /** Folder of the evaluations. @default `evaluation` in the run */
  readonly evaluations?: string | undefined;
  /** @default `report.html` in the run */
  readonly out?: string | undefined;
  /** Folder of the data set that the images are read from. @default where it was when it was evaluated */
  readonly data?: string | undefined;
  /** Pairs of image and class in the gallery of each split, at most. @default 48 */
  readonly gallery?: number | undefined;
}

export interface WrittenReport {
  readonly path: string;
  readonly bytes: number;
  /** Splits whose evaluation is in it. */
  readonly splits: readonly string[];
  /** Pairs of image and class in the galleries. */
  readonly gallery: number;
  /** What is missing, and why. */
  readonly notes: readonly string[];
}

/** Characters of all galleries together: with them the page stays below 10 MB. */
const galleryBudget = 8e6;

/**
 * Makes the report of a run from the files that training and evaluation have written: one HTML file that loads nothing.
 *
 * A run that was not evaluated gets one of its training; a folder with evaluations of a model gets one without training.
 *
 * @param dir a run directory, or a folder with `evaluation/` in it
 * @throws {RunError} when there is nothing to report, or the file cannot be written
 * @throws {DataError} when a file is broken: which, and where
 */
export async function writeReport(dir: string, options: ReportOptions = {}): Promise<WrittenReport> {
  const {
    evaluations: folder = join(dir, 'evaluation'),
    out = join(dir, 'report.html'),
    data,
    gallery = 48,
  } = options;
  if (!Number.isInteger(gallery) || gallery < 0) {
    throw new UsageError(`--gallery: expected a number of pairs from 0 on, found ${gallery}`);
  }
  if (options.evaluations !== undefined && !existsSync(folder))
    throw new RunError(`${folder}: no such folder`);
  const run = await readRunFiles(dir);
  const evaluations = await readEvaluations(folder);
  const audit = await readAudit(dir);
  if (run.config === undefined && evaluations.length === 0 && audit === undefined) {
    throw new RunError(
      `${dir}: nothing to report: it holds neither a run (config.yaml) nor an evaluation (${folder})`,
    );
  }

  const sections: Html[] = [];
  const links: { id: string; title: string }[] = [];
  const notes: string[] = [];
  let shown = 0;
  if (run.config !== undefined) {
    sections.push(await trainingSection(run));
    links.push({ id: 'training', title: 'Training' });
  }
  if (audit) {
    sections.push(await auditSection(audit));
    links.push({ id: 'audit', title: 'Audit' });
  }
  for (const [i, evaluation] of evaluations.entries()) {
    const id = evaluationId(evaluation, i);
    const budget = galleryBudget / evaluations.length;
    const pictures = await gallerySection(evaluation, id, { count: gallery, budget, data });
    sections.push(await evaluationSection(evaluation, id, pictures.html));
    links.push({ id, title: `Evaluation: ${evaluation.result.split}` });
    if (pictures.shown > 0) links.push({ id: `${id}-gallery`, title: 'Gallery' });
    notes.push(...pictures.notes);
    shown += pictures.shown;
  }
  sections.push(provenanceSection(run, evaluations));
  links.push({ id: 'config', title: 'Config' }, { id: 'versions', title: 'Versions' });

  const name = run.summary?.name ?? basename(resolve(dir));
  const page = renderPage({
    title: `${name}: report`,
    lead: lead(run, evaluations),
    links,
    sections,
    footer: `Made by tfjs-gain ${versionOf(run, evaluations)} from the files of ${basename(resolve(dir))}. The page holds everything it shows.`,
  });
  await writeWhole(out, page);
  return {
    path: out,
    bytes: Buffer.byteLength(page),
    splits: evaluations.map(({ result }) => result.split),
    gallery: shown,
    notes,
  };
}

/** What the run is, in a sentence or two. */
function lead(
  { config, summary, metrics, environment }: RunFiles,
  evaluations: readonly StoredEvaluation[],
): Html {
  const training = summary
    ? `Trained for ${summary.epochs} epochs (${summary.steps} steps, ${duration(summary.trainingSeconds)}); maps at ${summary.targetLayer}.`
    : config !== undefined &&
      `The training has not ended${metrics.length > 0 ? `; last evaluated after step ${metrics.at(-1)!.step}` : ''}.`;
  const best = summary?.best;
  const splits = evaluations.map(({ result }) => result.split);
  const evaluated = splits.length > 0 ? `Evaluated on ${splits.join(', ')}.` : 'Not evaluated yet.';
  const started = environment?.started;
  return html`<p>${training} ${best && best.value !== null && `Best ${best.metric} on validation: ${best.value.toFixed(3)} after epoch ${best.epoch}.`} ${evaluated}
${typeof started === 'string' && html`<small>Started ${started.slice(0, 16).replace('T', ' ')} UTC.</small>`}
<a href="#config">Config</a>, <a href="#versions">versions</a>.</p>`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function versionOf({ environment }: RunFiles, evaluations: readonly StoredEvaluation[]): string {
  const latest = (evaluations.at(-1)?.result.environment ?? environment) as { package?: unknown } | undefined;
  return typeof latest?.package === 'string' ? latest.package : '';
}
