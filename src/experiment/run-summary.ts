import type { EngineInfo } from '../engine/index.ts';
import type { SplitMetrics } from '../evaluation/index.ts';
import type { BestEvaluation } from './best-evaluation.ts';

/** What a run ends with; also written to `summary.json`. */
export interface RunSummary {
  readonly name: string;
  readonly engine: EngineInfo;
  readonly targetLayer: string;
  readonly epochs: number;
  readonly steps: number;
  /** Of training alone, without evaluation and checkpoints. */
  readonly trainingSeconds: number;
  readonly imagesPerSecond: number;
  readonly best: BestEvaluation | null;
  /** Of each test split, with the weights that `evaluation.checkpoint` names. */
  readonly metrics: Readonly<Record<string, SplitMetrics>>;
  /** The same of each stage before this one. */
  readonly stages?: readonly StageMetrics[];
  /** Figures of a paper, per cent of the focus class's answers by split. */
  readonly published?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** What a stage was worth, and what it took. */
export interface StageMetrics {
  readonly name: string;
  readonly trainingSeconds: number;
  readonly metrics: Readonly<Record<string, SplitMetrics>>;
}
