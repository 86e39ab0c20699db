import test from 'ava';
import {
  ConfigError,
  DataError,
  DivergenceError,
  GainError,
  InterruptedError,
} from '../../src/errors/index.ts';

test('an error carries its own name, its exit code and its cause', (t) => {
  const cause = new RangeError('offset 12');
  const error = new DataError('train-00000-of-00001.tfrecord, record 3: truncated', { cause });
  t.true(error instanceof GainError);
  t.is(error.name, 'DataError');
  t.is(String(error), 'DataError: train-00000-of-00001.tfrecord, record 3: truncated');
  t.is(error.cause, cause);
  t.deepEqual(
    [
      new ConfigError('').exitCode,
      error.exitCode,
      new DivergenceError('').exitCode,
      new InterruptedError('').exitCode,
    ],
    [2, 3, 4, 130],
  );
});
