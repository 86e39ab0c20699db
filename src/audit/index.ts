/** Whether a classifier's answers follow the object or what surrounds it. */
export {
  type Audit,
  type AuditOptions,
  type AuditPictures,
  auditClassifier,
  type ClassAudit,
  type KnownMasks,
} from './audit.ts';
export { type AuditNetworkOptions, auditNetwork, writeAudit } from './audit-network.ts';
export { auditTable } from './audit-table.ts';
export {
  answerComposites,
  areaUnderCurve,
  type CellAnswers,
  type CompositeAnswers,
  type CompositeQuestion,
  drawComposites,
  summarise,
} from './composite-answers.ts';
export { type AuditedImage, type Evidence, type EvidenceBySign, evidenceOf } from './evidence.ts';
export { type AnsweredPicture, type FeatureLink, linkFeatures } from './ground-features.ts';
export type { RealAnswers, TellingImage } from './real-answers.ts';
export { Scorer } from './scorer.ts';
export { ALARM, type Finding, type Verdict, verdictOf } from './verdict.ts';
