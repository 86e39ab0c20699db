import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Histogram } from './histogram.ts';

/** An encoded `Summary.Value`: one tag's datum, the content of an event. */
export type SummaryValue = Uint8Array;

/** What an event is about: the first record of a file, a (re)start of the program, a graph, or data. */
export type EventContent =
  | { fileVersion: string }
  | { sessionLog: 'start' }
  | { graph: Uint8Array }
  | { summary: readonly SummaryValue[] };

/** The version that readers look for in the first record of an event file. */
export const FILE_VERSION = 'brain.Event:2';

/** Numbers of the fields and enum values of TensorFlow's `event.proto` and `summary.proto` used here. */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, graph: 4, summary: 5, sessionLog: 7 };
const SESSION_LOG = { status: 1, start: 1 };
const SUMMARY = { value: 1 };
const VALUE = { tag: 1, simpleValue: 2, image: 4, histo: 5, tensor: 8, metadata: 9 };
const IMAGE = { height: 1, width: 2, colorspace: 3, encoded: 4, rgb: 3 };
const HISTOGRAM = { min: 1, max: 2, num: 3, sum: 4, sumSquares: 5, bucketLimit: 6, bucket: 7 };
const METADATA = { pluginData: 1, dataClass: 4, tensor: 2 };
const PLUGIN_DATA = { name: 1, content: 2 };
const TENSOR = { dtype: 1, shape: 2, stringValue: 8, float: 1, string: 7 };
const SHAPE = { dim: 2, size: 1 };

/**
 * Encodes TensorFlow's `Event`.
 *
 * @param wallTime seconds since 1970
 * @param step the global step, or null to leave it out
 */
export function encodeEvent(wallTime: number, step: number | null, content: EventContent): Uint8Array {
  const event = new BinaryWriter();
  event.tag(EVENT.wallTime, WireType.Bit64).double(wallTime);
  if (step !== null) event.tag(EVENT.step, WireType.Varint).int64(step);
  if ('fileVersion' in content) {
    event.tag(EVENT.fileVersion, WireType.LengthDelimited).string(content.fileVersion);
  } else if ('graph' in content) {
    event.tag(EVENT.graph, WireType.LengthDelimited).bytes(content.graph);
  } else if ('sessionLog' in content) {
    event.tag(EVENT.sessionLog, WireType.LengthDelimited).fork();
    event.tag(SESSION_LOG.status, WireType.Varint).int32(SESSION_LOG.start).join();
  } else {
    event.tag(EVENT.summary, WireType.LengthDelimited).fork();
    for (const value of content.summary) event.tag(SUMMARY.value, WireType.LengthDelimited).bytes(value);
    event.join();
  }
  return event.finish();
}

/** A scalar; NaN and infinities are kept, TensorBoard shows them as such. */
export function scalarValue(tag: string, value: number): SummaryValue {
  return startValue(tag).tag(VALUE.simpleValue, WireType.Bit32).float(asFloat32(value)).finish();
}

/** An RGB image, compressed as PNG. */
export function imageValue(tag: string, png: Uint8Array, width: number, height: number): SummaryValue {
  const value = startValue(tag).tag(VALUE.image, WireType.LengthDelimited).fork();
  value.tag(IMAGE.height, WireType.Varint).int32(height);
  value.tag(IMAGE.width, WireType.Varint).int32(width);
  value.tag(IMAGE.colorspace, WireType.Varint).int32(IMAGE.rgb);
  value.tag(IMAGE.encoded, WireType.LengthDelimited).bytes(png);
  return value.join().finish();
}

/** A histogram with its bucket limits. */
export function histogramValue(tag: string, histogram: Histogram): SummaryValue {
  const value = startValue(tag).tag(VALUE.histo, WireType.LengthDelimited).fork();
  value.tag(HISTOGRAM.min, WireType.Bit64).double(histogram.min);
  value.tag(HISTOGRAM.max, WireType.Bit64).double(histogram.max);
  value.tag(HISTOGRAM.num, WireType.Bit64).double(histogram.num);
  value.tag(HISTOGRAM.sum, WireType.Bit64).double(histogram.sum);
  value.tag(HISTOGRAM.sumSquares, WireType.Bit64).double(histogram.sumSquares);
  packedDoubles(value, HISTOGRAM.bucketLimit, histogram.bucketLimit);
  packedDoubles(value, HISTOGRAM.bucket, histogram.bucket);
  return value.join().finish();
}

/** A markdown text: a string tensor of shape [1] for the text plugin. */
export function textValue(tag: string, markdown: string): SummaryValue {
  const value = startValue(tag);
  writeMetadata(value, 'text', new Uint8Array());
  value.tag(VALUE.tensor, WireType.LengthDelimited).fork();
  writeTensorHeader(value, TENSOR.string, 1);
  value.tag(TENSOR.stringValue, WireType.LengthDelimited).string(markdown);
  return value.join().finish();
}

/** A value whose datum is the plugin's own message in the metadata, beside an empty tensor. */
export function pluginValue(tag: string, plugin: string, content: Uint8Array): SummaryValue {
  const value = startValue(tag);
  writeMetadata(value, plugin, content);
  value.tag(VALUE.tensor, WireType.LengthDelimited).fork();
  writeTensorHeader(value, TENSOR.float, 0);
  return value.join().finish();
}

function startValue(tag: string): BinaryWriter {
  return new BinaryWriter().tag(VALUE.tag, WireType.LengthDelimited).string(tag);
}

function writeMetadata(value: BinaryWriter, plugin: string, content: Uint8Array): void {
  value.tag(VALUE.metadata, WireType.LengthDelimited).fork();
  value.tag(METADATA.pluginData, WireType.LengthDelimited).fork();
  value.tag(PLUGIN_DATA.name, WireType.LengthDelimited).string(plugin);
  if (content.length > 0) value.tag(PLUGIN_DATA.content, WireType.LengthDelimited).bytes(content);
  value.join();
  value.tag(METADATA.dataClass, WireType.Varint).int32(METADATA.tensor).join();
}

function writeTensorHeader(tensor: BinaryWriter, dtype: number, size: number): void {
  tensor.tag(TENSOR.dtype, WireType.Varint).int32(dtype);
  tensor.tag(TENSOR.shape, WireType.LengthDelimited).fork();
  tensor.tag(SHAPE.dim, WireType.LengthDelimited).fork();
  tensor.tag(SHAPE.size, WireType.Varint).int64(size).join();
  tensor.join();
}

function packedDoubles(message: BinaryWriter, field: number, numbers: readonly number[]): void {
  message.tag(field, WireType.LengthDelimited).fork();
  for (const number of numbers) message.double(number);
  message.join();
}

/** The writer refuses finite numbers beyond float32; rounding first turns them into infinities. */
function asFloat32(value: number): number {
  return Math.fround(value);
}
