/**
 * TensorBoard event files.
 *
 * @packageDocumentation
 */

export {
  EventWriter,
  type EventWriterOptions,
  type HyperparameterValue,
  type RgbPixels,
  type SessionStatus,
} from './tensorboard/index.ts';
