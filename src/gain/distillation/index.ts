/** A teacher in the training step: its answers and its explanations as terms of the loss. */
export {
  type DistillationOptions,
  type DistilledMaps,
  distillationTerms,
  type ExplainedClass,
  type TeacherView,
} from './distillation-terms.ts';
export type { TeacherAnswers, WeightedPairs } from './teacher-answers.ts';
