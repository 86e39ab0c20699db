/** What a network sees: methods of explanation for trained models, and the page that shows them side by side. */
export {
  type Attribution,
  type ExplainedClass,
  type ExplainedImage,
  type ExplainOptions,
  explainImages,
} from './explain-images.ts';
export { type NamedImage, readImages } from './images.ts';
export type { ExplanationMethod, MethodOptions } from './method.ts';
export {
  type AttributionKind,
  explanationMethods,
  findMethods,
  type MethodEntry,
  type MethodGroup,
  methodGroups,
} from './method-list.ts';
export { findClasses, openSubject, type Subject, type SubjectOptions } from './subject.ts';
export { type WriteOptions, type WrittenExplanations, writeExplanations } from './write-explanations.ts';
