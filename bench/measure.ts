import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OnnxProvider, startEngine } from '../src/engine/index.ts';
import { Participant, type Turn, Unavailable } from './participant.ts';
import { median, spread } from './statistics.ts';
import { taskNamed } from './tasks/index.ts';
import type { PeerName, Workload } from './workload.ts';

/** One comparison. Times are medians in milliseconds; null where there is no peer. */
export interface Measurement {
  readonly workload: string;
  readonly engine: string;
  readonly peer: string | null;
  readonly oursMs: number;
  readonly peerMs: number | null;
  /** oursMs / peerMs: below 1, ours is faster. */
  readonly ratio: number | null;
  readonly repetitions: number;
  readonly threads: number;
  /** Smallest and largest time of each side. */
  readonly spread: { readonly ours: readonly number[]; readonly peer: readonly number[] | null };
  /** The same in processor time, which other work on the machine disturbs less. */
  readonly processorTime: {
    readonly oursMs: number;
    readonly peerMs: number | null;
    readonly ratio: number | null;
  };
  readonly imagesPerSecond: number;
  /** Most memory that each process held, in MiB. */
  readonly peakMemory: { readonly ours: number; readonly peer: number | null };
  /** What the first repetition gave on each side (a loss): equal, or the sides do different work. */
  readonly firstValue: { readonly ours: number; readonly peer: number | null };
  readonly versions: { readonly engine: string; readonly peer: string | null };
}

export interface MeasureOptions {
  readonly peers: readonly PeerName[];
  readonly threads: number;
  readonly repetitions: number;
  /** What our engine computes with. @default 'cpu' */
  readonly provider?: OnnxProvider;
  /** Where PyTorch computes. @default 'cpu' */
  readonly device?: string;
  /** Takes a line for the user: who cannot be measured and why, or how far it is. */
  readonly log: (line: string) => void;
}

/** Repetitions before the measured ones: the first compiles, in the second memory has settled. */
const warmUps = 2;
/** Milliseconds. A backend of tfjs that needs longer for one repetition is left out ... */
const patience = 60_000;
/** ... and one that needs longer than this is measured once. */
const slow = 5_000;

/** Measures a workload against every peer that can be had, one peer after the other. */
export async function measure(workload: Workload, options: MeasureOptions): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    // What is shared is made on the host, by the plain engine.
    await startEngine({ engine: 'cpu' });
    await taskNamed(workload.task).prepare(workload.settings, folder);
    const side = (engine: 'onnx' | PeerName, settings: object): Side => {
      const { task, fresh = false } = workload;
      const { threads, provider = 'cpu', device = 'cpu' } = options;
      return new Side(engine, fresh, () =>
        Participant.start(engine, { task, settings, folder, threads, provider, device }),
      );
    };
    const { settings, baseline } = workload;
    const peers = options.peers.filter((peer) => workload.peers?.includes(peer) ?? true);
    if (baseline) return await againstThemselves(workload, baseline, ['onnx', ...peers], side, options);
    return await againstPeers(workload, side('onnx', settings), peers, side, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function againstPeers(
  workload: Workload,
  ours: Side,
  peers: readonly PeerName[],
  side: (engine: PeerName, settings: object) => Side,
  options: MeasureOptions,
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  try {
    for (const name of peers) {
      const peer = side(name, workload.settings);
      const row = await compare(workload, ours, peer, name, options);
      if (row) rows.push(row);
    }
    // Alone, when there was nobody to compare with.
    if (rows.length === 0) rows.push(await alone(workload, ours, options));
    return rows;
  } finally {
    ours.stop();
  }
}

async function againstThemselves(
  workload: Workload,
  { about, settings }: NonNullable<Workload['baseline']>,
  engines: readonly ('onnx' | PeerName)[],
  side: (engine: 'onnx' | PeerName, settings: object) => Side,
  options: MeasureOptions,
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const engine of engines) {
    const whole = side(engine, workload.settings);
    try {
      const row = await compare(workload, whole, side(engine, settings), `${engine}, ${about}`, options);
      if (row) rows.push(row);
    } finally {
      whole.stop();
    }
  }
  return rows;
}

/** Turns of two sides, one after the other; the one that begins changes from repetition to repetition. */
async function compare(
  workload: Workload,
  ours: Side,
  peer: Side,
  peerName: string,
  { threads, repetitions, log }: MeasureOptions,
): Promise<Measurement | null> {
  try {
    log(`${workload.name}: ${ours.engine} beside ${peerName}`);
    await ours.warmUp();
    const peerMs = await peer.warmUp();
    const count = peerMs > slow && !workload.fresh ? 1 : repetitions;
    const turns: { ours: Turn[]; peer: Turn[] } = { ours: [], peer: [] };
    for (let i = 0; i < count; i++) {
      for (const who of i % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const)) {
        turns[who].push(await (who === 'ours' ? ours : peer).turn());
      }
    }
    return row(workload, ours, turns.ours, { name: peerName, side: peer, turns: turns.peer }, threads);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    // Without ours there is nothing to report; a peer may be missing.
    if (ours.failure && ours.engine === 'onnx')
      throw new Error(`${workload.name}, ${ours.engine}: ${ours.failure}`, { cause: error });
    log(`${workload.name}: without ${peerName}: ${error.message}`);
    return null;
  } finally {
    peer.stop();
  }
}

async function alone(
  workload: Workload,
  ours: Side,
  { threads, repetitions, log }: MeasureOptions,
): Promise<Measurement> {
  log(`${workload.name}: ${ours.engine} alone`);
  await ours.warmUp();
  const turns: Turn[] = [];
  for (let i = 0; i < repetitions; i++) turns.push(await ours.turn());
  return row(workload, ours, turns, null, threads);
}

function row(
  workload: Workload,
  ours: Side,
  turns: readonly Turn[],
  peer: { name: string; side: Side; turns: readonly Turn[] } | null,
  threads: number,
): Measurement {
  const middle = (of: 'ms' | 'cpuMs') => {
    const oursMs = median(turns.map((turn) => turn[of]));
    const peerMs = peer ? median(peer.turns.map((turn) => turn[of])) : null;
    return { oursMs, peerMs, ratio: peerMs === null ? null : oursMs / peerMs };
  };
  const range = (list: readonly Turn[]) => spread(list.map(({ ms }) => ms));
  const times = middle('ms');
  return {
    workload: workload.name,
    engine: ours.engine,
    peer: peer?.name ?? null,
    ...times,
    repetitions: turns.length,
    threads,
    spread: { ours: range(turns), peer: peer ? range(peer.turns) : null },
    processorTime: middle('cpuMs'),
    imagesPerSecond: (1000 * workload.images) / times.oursMs,
    peakMemory: { ours: ours.peakMiB, peer: peer?.side.peakMiB ?? null },
    firstValue: { ours: ours.firstValue, peer: peer?.side.firstValue ?? null },
    versions: { engine: ours.version, peer: peer?.side.version ?? null },
  };
}

/** An engine with its settings: one process, or (fresh) a new one for every turn. */
class Side {
  readonly engine: string;
  failure: string | undefined;
  version = '';
  firstValue = Number.NaN;
  peakMiB = 0;
  readonly #fresh: boolean;
  readonly #start: () => Promise<Participant>;
  #participant: Participant | undefined;
  #warm = false;

  constructor(engine: string, fresh: boolean, start: () => Promise<Participant>) {
    this.engine = engine;
    this.#fresh = fresh;
    this.#start = start;
  }

  /** @returns milliseconds of the last repetition */
  async warmUp(): Promise<number> {
    let ms = 0;
    // A first process of a fresh side warms the file cache.
    for (let i = 0; i < (this.#fresh ? 1 : warmUps) && !this.#warm; i++) ({ ms } = await this.turn());
    this.#warm = true;
    return ms;
  }

  async turn(): Promise<Turn> {
    try {
      this.#participant ??= await this.#start();
      const patient = this.engine === 'onnx' || this.engine.startsWith('pytorch');
      const turn = await this.#participant.turn(patient ? undefined : patience);
      this.version = this.#participant.version;
      if (Number.isNaN(this.firstValue)) this.firstValue = turn.value;
      this.peakMiB = Math.max(this.peakMiB, turn.peakMiB);
      if (this.#fresh) this.stop();
      return turn;
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  stop(): void {
    this.#participant?.stop();
    this.#participant = undefined;
  }
}
