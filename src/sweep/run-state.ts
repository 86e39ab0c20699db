import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Config, loadConfig } from '../config/index.ts';
import { RunError } from '../errors/index.ts';
import { holdsRun, requireSameExperiment } from '../run/index.ts';
import type { SweepRun } from './sweep.ts';

/**
 * What a run directory says of its run. `absent`: there is none. `unfinished`: it can be resumed; so can one that
 * was interrupted, that failed, or that is to be made longer.
 */
export type RunState = 'absent' | 'unfinished' | 'finished' | 'diverged';

/**
 * How far a run is, by its directory alone.
 *
 * @throws {ConfigError} when the directory holds a run of another experiment
 */
export async function runState({ directory, config }: SweepRun): Promise<RunState> {
  if (!holdsRun(directory)) return 'absent';
  const saved = join(directory, 'config.yaml');
  const begun = await loadConfig(saved);
  requireSameExperiment(begun, config, saved);
  if (!isDeepStrictEqual(result(begun), result(config))) return 'unfinished';
  const last = await lastEvent(join(directory, 'log.ndjson'));
  if (last?.event === 'finish' && existsSync(join(directory, 'summary.json'))) return 'finished';
  return last?.event === 'stop' && last.error === 'DivergenceError' ? 'diverged' : 'unfinished';
}

/** What the result of an experiment depends on. */
function result({ engine: _engine, log: _log, data, training, ...rest }: Config): unknown {
  const { workers: _workers, ...source } = data;
  const { checkpointEvery: _every, ...course } = training;
  return { ...rest, source, course };
}

interface LogEvent {
  readonly event: string;
  readonly error?: string;
}

/** The last event of a log that is not a step. */
async function lastEvent(path: string): Promise<LogEvent | undefined> {
  const lines = (await tail(path, 1 << 16)).split('\n').reverse();
  for (const line of lines) {
    try {
      const event = JSON.parse(line) as LogEvent;
      if (event.event !== 'step') return event;
    } catch {
      // Cut off by a kill, or by where the tail begins.
    }
  }
  return undefined;
}

/**
 * The last bytes of a text file, '' where there is none.
 *
 * @throws {RunError} when it is there and cannot be read
 */
export async function tail(path: string, bytes: number): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (cause) {
    throw new RunError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    await file.close();
  }
}
