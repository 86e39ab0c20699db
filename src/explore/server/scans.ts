import type { Finding, ScanState } from '../messages.ts';
import { unpack } from '../packing.ts';
import type { SessionProcess } from '../session/index.ts';

interface Scan {
  done: number;
  total: number;
  findings: Finding[];
  error: string | null;
  stopped: boolean;
}

/** Images of one job: a person's question waits for no more than these. */
const batch = 16;

/**
 * Looks through splits, some images at a time, behind everything that a person waits for; what was found is kept.
 */
export class Scans {
  readonly #session: Pick<SessionProcess, 'ask'>;
  readonly #scans = new Map<string, Scan>();

  constructor(session: Pick<SessionProcess, 'ask'>) {
    this.#session = session;
  }

  /**
   * Begins with splits that nobody has looked through yet, and says how far they all are.
   *
   * @param again from the beginning: what was found depends on the masks that people drew
   */
  look(splits: readonly string[], network: number, again = false): ScanState {
    const scans = splits.map((split) => {
      const key = `${network} ${split}`;
      let scan = this.#scans.get(key);
      if (!scan || scan.error !== null || again) {
        if (scan) scan.stopped = true;
        scan = { done: 0, total: 0, findings: [], error: null, stopped: false };
        this.#scans.set(key, scan);
        void this.#walk(scan, split, network);
      }
      return scan;
    });
    return {
      done: scans.reduce((sum, { done }) => sum + done, 0),
      total: scans.reduce((sum, { total }) => sum + total, 0),
      findings: scans.flatMap(({ findings }) => findings),
      error: scans.find(({ error }) => error !== null)?.error ?? null,
    };
  }

  async #walk(scan: Scan, split: string, network: number): Promise<void> {
    try {
      do {
        const job = { kind: 'scan', split, from: scan.done, count: batch, network } as const;
        const found = unpack(await this.#session.ask(job, { soon: false })) as Omit<ScanState, 'error'>;
        scan.findings.push(...found.findings);
        [scan.done, scan.total] = [found.done, found.total];
      } while (scan.done < scan.total && !scan.stopped);
    } catch (error) {
      scan.error = error instanceof Error ? error.message : String(error);
    }
  }
}
