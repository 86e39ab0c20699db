import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { frameRecord } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { makeFolder, writing } from '../files/index.ts';
import { AppendFile } from './append-file.ts';
import {
  type EventContent,
  encodeEvent,
  FILE_VERSION,
  histogramValue,
  imageValue,
  type SummaryValue,
  scalarValue,
  textValue,
} from './event.ts';
import { encodeGraph, type GraphNode } from './graph.ts';
import { summarizeHistogram } from './histogram.ts';
import {
  experimentValue,
  type HyperparameterValue,
  type SessionStatus,
  sessionEndValue,
  sessionStartValue,
} from './hparams.ts';
import { encodePng, pngSize, type RgbPixels } from './png.ts';

export interface EventWriterOptions {
  /**
   * The first step that will be written again after a resume: TensorBoard then drops what an earlier file of
   * this folder holds for this step and later ones.
   * @default none, nothing is dropped
   */
  purgeStep?: number;
  /** Appended to the file's name. @default '' */
  suffix?: string;
}

/**
 * Writes an event file that TensorBoard reads.
 *
 * The methods only queue a record and return at once; records reach the file in the order of the calls,
 * shortly after. `flush` waits until they are on the disk and reports what went wrong; a process that is
 * killed leaves at most one truncated record, the last, which TensorBoard skips.
 *
 * ```ts
 * const events = await EventWriter.create('runs/first');
 * events.scalar('loss/total', 1, 0.69);
 * await events.close();
 * ```
 */
export class EventWriter {
  readonly #file: AppendFile;

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  /**
   * Starts a new event file `events.out.tfevents.<seconds>.<host>.<pid><suffix>`, making the folder if needed.
   * Its name sorts after the event files that are already there, which is the order in which TensorBoard reads.
   *
   * @param logdir the run's folder
   * @throws {RunError} when the folder or the file cannot be made
   */
  static async create(logdir: string, options: EventWriterOptions = {}): Promise<EventWriter> {
    const { purgeStep, suffix = '' } = options;
    if (purgeStep !== undefined) checkStep(purgeStep);
    const writer = new EventWriter(await createNewest(logdir, suffix));
    writer.#event(null, { fileVersion: FILE_VERSION });
    if (purgeStep !== undefined) writer.#event(purgeStep, { sessionLog: 'start' });
    await writer.flush();
    return writer;
  }

  /** The event file. */
  get path(): string {
    return this.#file.path;
  }

  /**
   * A point of a curve.
   *
   * @param tag name of the curve; TensorBoard groups by what stands before the first `/`
   * @param step the global step, an integer ≥ 0
   * @param value stored as float32; NaN and infinities are shown as such
   */
  scalar(tag: string, step: number, value: number): void {
    this.#summary(step, [scalarValue(checkTag(tag), value)]);
  }

  /** Points of several curves at one step, as one record. */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    this.#summary(
      step,
      Object.entries(values).map(([tag, value]) => scalarValue(checkTag(tag), value)),
    );
  }

  /**
   * An image.
   *
   * @param image the bytes of a PNG, or raw RGB pixels, which are copied and compressed in the background
   * @throws {UsageError} for bytes that are no PNG, or pixels that do not fit width and height
   */
  image(tag: string, step: number, image: Uint8Array | RgbPixels): void {
    checkTag(tag);
    checkStep(step);
    const wallTime = now();
    const record = (png: Uint8Array, { width, height }: { width: number; height: number }) =>
      frameRecord(encodeEvent(wallTime, step, { summary: [imageValue(tag, png, width, height)] }));
    if (image instanceof Uint8Array) this.#file.append(record(image, pngSize(image)));
    else this.#file.append(encodePng(image).then((png) => record(png, image)));
  }

  /**
   * A distribution, in TensorFlow's exponential buckets.
   *
   * @param values any number of values; NaN and infinities are left out
   */
  histogram(tag: string, step: number, values: ArrayLike<number>): void {
    this.#summary(step, [histogramValue(checkTag(tag), summarizeHistogram(values))]);
  }

  /** A text in markdown. */
  text(tag: string, step: number, markdown: string): void {
    this.#summary(step, [textValue(checkTag(tag), markdown)]);
  }

  /**
   * The network, for the GRAPHS tab. Write it once: TensorBoard shows one graph per run.
   *
   * @throws {UsageError} when two nodes have one name, or one reads a node that is not there
   */
  graph(nodes: readonly GraphNode[]): void {
    this.#event(null, { graph: encodeGraph(nodes) });
  }

  /**
   * Enters this run in the table of the HPARAMS tab. Write it once, at the start, with the same keys in all
   * runs that are to be compared: TensorBoard takes the columns from the first run it finds.
   *
   * @param values the hyperparameters
   * @param metricTags scalar tags whose last values fill the table's other columns
   */
  hparams(values: Readonly<Record<string, HyperparameterValue>>, metricTags: readonly string[]): void {
    const time = now();
    this.#summary(null, [experimentValue(values, metricTags, time), sessionStartValue(values, time)]);
  }

  /**
   * Marks this run in the HPARAMS tab as finished. TensorBoard keeps the first status that it reads in a run's
   * folder, so a run that is interrupted and may be resumed is better left without one.
   */
  endSession(status: SessionStatus = 'success'): void {
    this.#summary(null, [sessionEndValue(status, now())]);
  }

  /**
   * Resolves when everything written so far is on the disk.
   *
   * @throws {RunError} when it cannot be: disk full, folder gone. What was not written stays queued, and the next
   *   `flush` tries again
   */
  flush(): Promise<void> {
    return this.#file.flush();
  }

  /**
   * Flushes and closes the file; idempotent. Writing afterwards is a UsageError.
   *
   * @throws {RunError} as `flush` does; the file is closed all the same
   */
  close(): Promise<void> {
    return this.#file.close();
  }

  #summary(step: number | null, values: SummaryValue[]): void {
    if (step !== null) checkStep(step);
    this.#event(step, { summary: values });
  }

  #event(step: number | null, content: EventContent): void {
    this.#file.append(frameRecord(encodeEvent(now(), step, content)));
  }
}

async function createNewest(logdir: string, suffix: string): Promise<AppendFile> {
  const rest = `${hostname().replace(/[^\w.-]/g, '_')}.${process.pid}${suffix}`;
  return await writing(logdir, async () => {
    await makeFolder(logdir);
    const earlier = (await readdir(logdir)).map(
      (name) => /^events\.out\.tfevents\.(\d+)\./.exec(name)?.[1] ?? 0,
    );
    for (
      let second = Math.max(Math.floor(now()), ...earlier.map((digits) => Number(digits) + 1));
      ;
      second++
    ) {
      const path = join(logdir, `events.out.tfevents.${String(second).padStart(10, '0')}.${rest}`);
      try {
        return await AppendFile.create(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  });
}

function now(): number {
  return Date.now() / 1000;
}

function checkTag(tag: string): string {
  if (tag === '') throw new UsageError('EventWriter: a tag must not be empty');
  return tag;
}

function checkStep(step: number): void {
  if (Number.isSafeInteger(step) && step >= 0) return;
  throw new UsageError(`EventWriter: a step is an integer ≥ 0, received ${step}`);
}
