/** What a network sees: methods of explanation for trained models, and the page that shows them side by side. */
export type { ExplanationMethod, MethodOptions } from './method.ts';
export {
  type AttributionKind,
  explanationMethods,
  findMethods,
  type MethodEntry,
  type MethodGroup,
  methodGroups,
} from './method-list.ts';
