/** The report of a run: one HTML page that loads nothing, made from the files of the training and its evaluations. */
export { readEvaluations, type StoredEvaluation } from './evaluation-files.ts';
export { type ReportOptions, type WrittenReport, writeReport } from './write-report.ts';
