import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder } from '../../run/index.ts';
import type { LearnStage, LearnView, Numbers } from '../messages.ts';

/** What is asked of a learner; the first file of its folder. */
export interface LearnPlan {
  readonly by: string;
  readonly at: string;
  readonly epochs: number;
  readonly steps: number;
  /** Names of the classes whose masks are learned from, and how many images have any. */
  readonly classes: readonly string[];
  readonly images: readonly string[];
  /** Of the training, all in all; null where it is not known. */
  readonly updates: number | null;
  /** The words that start a program of this package. */
  readonly program: readonly string[];
  /** Folder of the run that it goes on with. */
  readonly run: string;
}

export interface LearnState {
  readonly stage: LearnStage;
  /** What went wrong, or what was last said. */
  readonly message: string;
}

export const files = {
  plan: 'plan.json',
  state: 'state.json',
  masks: 'masks.tfrecord',
  config: 'config.yaml',
  run: 'run',
  auditBefore: 'audit-before',
  log: 'log.txt',
} as const;

/** What a learning's folder says; undefined for a folder that is none. */
export async function readLearning(folder: string, number: number): Promise<LearnView | undefined> {
  const plan = readJson<LearnPlan>(join(folder, files.plan));
  if (!plan) return undefined;
  const state = readJson<LearnState>(join(folder, files.state)) ?? { stage: 'learning', message: '' };
  const ended = state.stage === 'done' || state.stage === 'failed';
  const alive = lockHolder(folder) !== undefined;
  const run = join(folder, files.run);
  const before = [join(folder, files.auditBefore), join(plan.run, 'audit')];
  return {
    number,
    by: plan.by,
    at: plan.at,
    epochs: plan.epochs,
    classes: plan.classes,
    images: plan.images,
    state: ended || alive ? state.stage : 'stopped',
    message: ended ? state.message : await lastLine(join(folder, files.log)),
    update: await updatesDone(join(run, 'log.ndjson')),
    updates: plan.updates,
    before: numbersOf(plan.run, before),
    after: numbersOf(run, [join(run, 'audit')]),
    trained: existsSync(join(run, 'model', 'model.json')),
  };
}

/** @param audits folders of which the first that holds one counts */
function numbersOf(run: string, audits: readonly string[]): Numbers | null {
  const summary = readJson<{
    metrics: Record<string, { mAP?: number; focus?: { accuracy?: number } | null }>;
  }>(join(run, 'summary.json'));
  if (!summary) return null;
  const audit = audits
    .map((folder) => readJson<{ classes: AuditedClass[] }>(join(folder, 'audit.json')))
    .find(Boolean);
  return {
    splits: Object.fromEntries(
      Object.entries(summary.metrics).map(([split, { mAP, focus }]) => [
        split,
        { mAP: mAP ?? null, focus: focus?.accuracy ?? null },
      ]),
    ),
    audit: (audit?.classes ?? []).map(({ class: name, verdict, composites }) => ({
      class: name,
      sentence: verdict.sentence,
      apart: composites?.apart.value ?? null,
      together: composites?.together.value ?? null,
      worst: composites?.worst ?? null,
    })),
  };
}

interface AuditedClass {
  readonly class: string;
  readonly verdict: { readonly sentence: string };
  readonly composites: {
    readonly apart: { readonly value: number };
    readonly together: { readonly value: number };
    readonly worst: number;
  } | null;
}

/** A file that is not there, or being written, says nothing. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

async function updatesDone(path: string): Promise<number> {
  const lines = (await tail(path)).split('\n').filter(Boolean);
  for (const line of lines.reverse()) {
    const step = /"step":(\d+)/.exec(line)?.[1];
    if (step) return Number(step);
  }
  return 0;
}

async function lastLine(path: string): Promise<string> {
  const lines = (await tail(path)).split(/[\r\n]+/).map((line) => line.trim());
  return lines.findLast((line) => line !== '' && !line.startsWith('$ '))?.slice(0, 300) ?? '';
}

/** The last 4 kB of a file; nothing where there is none. */
async function tail(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const bytes = Buffer.alloc(Math.min(4096, size));
      await file.read(bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
