import { type Random, randomFor } from '../../src/random/index.ts';
import type { KilledProgram, Result } from './programs.ts';
import type { Ended, Moment, Workplace } from './workplace.ts';

/** What a program does when nobody kills it. */
export interface Measured {
  readonly result: Result;
  readonly seconds: number;
  readonly changes: number;
}

/** A job that was killed, once or several times, and then let go to its end. */
export interface KillReport {
  readonly program: string;
  readonly job: string;
  /** Kills that found it at work. */
  readonly struck: number;
  /** When, for each kill that struck. */
  readonly moments: readonly Moment[];
  /** What is not as it has to be. */
  readonly fault?: string;
}

/** A kill that comes too late is tried again, so often. */
const MOST_TRIES = 6;
/** Kills of one job. */
const MOST_KILLS = 3;

/** Runs a program to its end, twice: what it makes must not differ. */
export async function measureProgram(place: Workplace, program: KilledProgram): Promise<Measured> {
  const runs: Measured[] = [];
  for (const n of [1, 2]) {
    const job = `${program.name}-whole-${n}`;
    const folder = await place.job(job);
    const { code, said, seconds, changes } = await place.call(job, program.args);
    if (code !== 0) throw new Error(`${program.name} ended with ${code}, and nobody had killed it: ${said}`);
    runs.push({ result: program.result(folder), seconds, changes });
  }
  const [first, second] = runs as [Measured, Measured];
  if (Object.keys(first.result).length === 0) throw new Error(`${program.name}: nothing was made`);
  const difference = differenceOf(second.result, first.result);
  if (difference) throw new Error(`${program.name}: two uninterrupted runs differ: ${difference}`);
  return { ...first, seconds: Math.min(first.seconds, second.seconds) };
}

/** Kills a job of a program and starts it again, until it was killed as often as is drawn; then it goes to its end. */
export async function killProgram(
  place: Workplace,
  program: KilledProgram,
  whole: Measured,
  seed: number,
  number: number,
): Promise<KillReport> {
  const random = randomFor('kills', program.name, seed, number);
  const moments: Moment[] = [];
  let wanted = 1;
  while (wanted < MOST_KILLS && random.next() < 0.25) wanted++;
  let job = '';
  let fault: string | undefined;
  for (let attempt = 0; attempt < MOST_TRIES && moments.length === 0 && !fault; attempt++) {
    job = `${program.name}-${number}-${attempt}`;
    const folder = await place.job(job);
    for (let kill = 0; kill < wanted && !fault; kill++) {
      const moment = momentIn(whole, random);
      const ended = await place.call(job, program.args, moment);
      if (ended.signal !== 'SIGKILL') {
        if (ended.code !== 0) fault = described('ended by itself', ended);
        break;
      }
      moments.push(moment);
      if (program.isFinal) fault = unfinished(program.result(folder), whole.result);
    }
    if (moments.length === 0 || fault) continue;
    const ended = await place.call(job, program.args);
    fault =
      ended.code === 0
        ? differenceOf(program.result(folder), whole.result)
        : described('started again', ended);
  }
  if (moments.length === 0 && !fault) fault = `no kill struck in ${MOST_TRIES} tries`;
  return { program: program.name, job, struck: moments.length, moments, ...(fault && { fault }) };
}

function momentIn({ seconds, changes }: Measured, random: Random): Moment {
  if (random.next() < 0.5) return { seconds: random.uniform(0.02, 1) * seconds };
  return { change: 1 + random.integer(Math.max(1, changes - 1)) };
}

function described(what: string, { code, signal, said }: Ended): string {
  return `${what} it ended with ${signal ?? code}: ${said.trim().split('\n').slice(-4).join(' | ')}`;
}

/** @returns the first thing that differs */
function differenceOf(found: Result, right: Result): string | undefined {
  const keys = new Set([...Object.keys(right), ...Object.keys(found)]);
  for (const key of keys) {
    if (found[key] !== right[key]) return `${key} is ${shown(found[key])}, not ${shown(right[key])}`;
  }
  return undefined;
}

/** What a kill has left under a final name is as it is in the end. */
function unfinished(found: Result, right: Result): string | undefined {
  const key = Object.keys(found).find((name) => found[name] !== right[name]);
  return key === undefined ? undefined : `after the kill ${key} is there and not whole`;
}

function shown(value: string | undefined): string {
  return value === undefined ? 'missing' : value.slice(0, 80);
}
