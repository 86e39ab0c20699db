/**
 * TensorBoard event files, and heatmaps in them for a stock `model.fit`.
 *
 * @packageDocumentation
 */

export {
  type Heatmap,
  type HeatmapCallback,
  type HeatmapOptions,
  heatmapCallback,
} from './experiment/index.ts';
export {
  EventWriter,
  type EventWriterOptions,
  type HyperparameterValue,
  type RgbPixels,
  type SessionStatus,
} from './tensorboard/index.ts';
