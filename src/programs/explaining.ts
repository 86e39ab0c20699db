import { hideBin } from 'yargs/helpers';
import type { EngineInfo } from '../engine/index.ts';
import { startProgress, writeLine } from '../progress/index.ts';

/** What `explain` is told for every kind of network. */
export interface ExplainingArguments {
  readonly top: number;
  readonly samples?: number | undefined;
  readonly targetLayer?: string | undefined;
  readonly seed: number;
  readonly batchSize: number;
}

/** The same as options of the explaining, and what the page says of how it was made. */
export interface ExplainingOptions extends ExplainingArguments {
  readonly signal: AbortSignal;
  readonly onNote: (line: string) => void;
  readonly onProgress: (done: number, all: number, method: string) => void;
  readonly facts: readonly (readonly [string, string])[];
}

/**
 * Explains with the options that are the same for every kind of network: its progress as a bar, its notes after that.
 *
 * @param count explanations that are to come, images times methods
 * @param work the explaining, given its options
 */
export async function explaining<T>(
  { top, samples, targetLayer, seed, batchSize }: ExplainingArguments,
  { count, engine, signal, $0 }: { count: number; engine: EngineInfo; signal: AbortSignal; $0: string },
  work: (options: ExplainingOptions) => Promise<T>,
): Promise<T> {
  const notes: string[] = [];
  const progress = startProgress('explaining', count);
  const written = await work({
    top,
    samples,
    targetLayer,
    seed,
    batchSize,
    signal,
    onNote: (line) => notes.push(line),
    onProgress: (done, _all, method) => progress.update(Math.floor(done), method),
    facts: [
      ['command', `${$0} ${hideBin(process.argv).slice(1).join(' ')}`],
      ['engine', `${engine.name} ${engine.version}, ${engine.device}`],
    ],
  }).finally(() => progress.stop());
  for (const note of notes) writeLine(note);
  return written;
}
