export { EventWriter, type EventWriterOptions } from './event-writer.ts';
export type { GraphNode } from './graph.ts';
export type { HyperparameterValue, SessionStatus } from './hparams.ts';
export type { RgbPixels } from './png.ts';
