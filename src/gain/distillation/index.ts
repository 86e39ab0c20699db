/** A teacher in the training step: its answers and its explanations as terms of the loss. */
export { compareWithTeacher, type TeacherComparison } from './compare.ts';
export {
  type DistillationOptions,
  type DistilledMaps,
  distillationTerms,
  type ExplainedClass,
} from './distillation-terms.ts';
export { type Distillation, setUpDistillation } from './set-up.ts';
export { placeMap, requireStorable, StoredTeacher, type StoredTeacherOptions } from './stored-teacher.ts';
export { loadTeacher, type TeacherDemands } from './teacher.ts';
export type { TeacherAnswers, WeightedPairs } from './teacher-answers.ts';
