export { nearest } from './nearest.ts';

/**
 * The typed errors of this package. Every failure that a user can cause is one of them; its message says
 * where (file, record, line, layer), the rule, and the value that broke it.
 *
 * `exitCode` is what a command-line program ends with: 1 a fault of this package, 2 usage or config, 3 data, 4 training diverged,
 * 130 interrupted after a checkpoint was written.
 */
export abstract class GainError extends Error {
  abstract readonly exitCode: number;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A wrong call: an option, an argument or a name that does not exist. */
export class UsageError extends GainError {
  readonly exitCode = 2;
}

/** A config file that does not fit the schema; the message starts with `file:line:column`. */
export class ConfigError extends GainError {
  readonly exitCode = 2;
}

/** A model, layer or weight file that does not fit what was asked of it. */
export class ModelError extends GainError {
  readonly exitCode = 2;
}

/** A compute engine that was asked for by name and cannot be started, or an operation that failed on one. */
export class EngineError extends GainError {
  readonly exitCode = 2;
}

/** A run's or a sweep's directory that cannot be used: in use by another process, not resumable, or not empty. */
export class RunError extends GainError {
  readonly exitCode = 2;
}

/**
 * A program that waits for what cannot come any more: a fault of this package, or of a library that it calls. Without
 * it the process would end in silence.
 */
export class StalledError extends GainError {
  readonly exitCode = 1;
}

/** Data that is missing, damaged, or breaks a rule of its format. */
export class DataError extends GainError {
  readonly exitCode = 3;
}

/** A loss that is not finite: the message names the step, the term and the last good checkpoint. */
export class DivergenceError extends GainError {
  readonly exitCode = 4;
}

/** Training stopped by a signal, after a checkpoint was written. */
export class InterruptedError extends GainError {
  readonly exitCode = 130;
}
