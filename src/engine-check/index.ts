/** Whether an engine is right, and how fast. */

export type { EngineCheck } from './engine-check.ts';
export { type EngineReport, reportEngine } from './engine-report.ts';
