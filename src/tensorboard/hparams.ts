import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { pluginValue, type SummaryValue } from './event.ts';

/** A hyperparameter's value, as TensorBoard can sort and filter it. */
export type HyperparameterValue = string | number | boolean;

/** How a session of training ended. */
export type SessionStatus = 'success' | 'failure';

/** Numbers of the fields and enum values of TensorBoard's `plugins/hparams/{plugin_data,api}.proto`. */
const PLUGIN = { version: 1, experiment: 2, sessionStart: 3, sessionEnd: 4 };
const EXPERIMENT = { timeCreated: 3, hparams: 4, metrics: 5 };
const HPARAM = { name: 1, type: 4, string: 1, bool: 2, float64: 3 };
const METRIC = { name: 1 };
const METRIC_NAME = { tag: 2 };
const SESSION_START = { hparams: 1, startTime: 5 };
const MAP_ENTRY = { key: 1, value: 2 };
const VALUE = { number: 2, string: 3, bool: 4 };
const SESSION_END = { status: 1, endTime: 2, success: 1, failure: 2 };

/**
 * Declares the columns of the HPARAMS table: the hyperparameters with their types, and the scalar tags that
 * serve as metrics.
 */
export function experimentValue(
  hparams: Readonly<Record<string, HyperparameterValue>>,
  metricTags: readonly string[],
  wallTime: number,
): SummaryValue {
  return hparamsValue('experiment', PLUGIN.experiment, (message) => {
    message.tag(EXPERIMENT.timeCreated, WireType.Bit64).double(wallTime);
    for (const [name, value] of Object.entries(hparams)) {
      message.tag(EXPERIMENT.hparams, WireType.LengthDelimited).fork();
      message.tag(HPARAM.name, WireType.LengthDelimited).string(name);
      message.tag(HPARAM.type, WireType.Varint).int32(typeOf(value)).join();
    }
    for (const tag of metricTags) {
      message.tag(EXPERIMENT.metrics, WireType.LengthDelimited).fork();
      message.tag(METRIC.name, WireType.LengthDelimited).fork();
      message.tag(METRIC_NAME.tag, WireType.LengthDelimited).string(tag).join();
      message.join();
    }
  });
}

/** Starts the session of this run, with its values of the hyperparameters. */
export function sessionStartValue(
  hparams: Readonly<Record<string, HyperparameterValue>>,
  wallTime: number,
): SummaryValue {
  return hparamsValue('session_start_info', PLUGIN.sessionStart, (message) => {
    for (const [name, value] of Object.entries(hparams)) {
      message.tag(SESSION_START.hparams, WireType.LengthDelimited).fork();
      message.tag(MAP_ENTRY.key, WireType.LengthDelimited).string(name);
      message.tag(MAP_ENTRY.value, WireType.LengthDelimited).fork();
      if (typeof value === 'number') message.tag(VALUE.number, WireType.Bit64).double(value);
      else if (typeof value === 'boolean') message.tag(VALUE.bool, WireType.Varint).bool(value);
      else message.tag(VALUE.string, WireType.LengthDelimited).string(value);
      message.join().join();
    }
    message.tag(SESSION_START.startTime, WireType.Bit64).double(wallTime);
  });
}

/** Ends the session of this run. */
export function sessionEndValue(status: SessionStatus, wallTime: number): SummaryValue {
  return hparamsValue('session_end_info', PLUGIN.sessionEnd, (message) => {
    message.tag(SESSION_END.status, WireType.Varint).int32(SESSION_END[status]);
    message.tag(SESSION_END.endTime, WireType.Bit64).double(wallTime);
  });
}

function hparamsValue(tag: string, field: number, write: (message: BinaryWriter) => void): SummaryValue {
  const content = new BinaryWriter();
  content.tag(PLUGIN.version, WireType.Varint).int32(0);
  content.tag(field, WireType.LengthDelimited).fork();
  write(content);
  return pluginValue(`_hparams_/${tag}`, 'hparams', content.join().finish());
}

function typeOf(value: HyperparameterValue): number {
  if (typeof value === 'number') return HPARAM.float64;
  return typeof value === 'boolean' ? HPARAM.bool : HPARAM.string;
}
