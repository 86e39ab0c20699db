import type { Measurement } from './measure.ts';

type Cell = (row: Measurement) => string;

const columns: readonly (readonly [title: string, cell: Cell])[] = [
  ['workload', ({ workload }) => workload],
  ['engine', ({ engine }) => engine],
  ['peer', ({ peer }) => peer ?? '–'],
  ['ours ms', ({ oursMs }) => number(oursMs)],
  ['peer ms', ({ peerMs }) => number(peerMs)],
  ['ratio', ({ ratio }) => ratio?.toFixed(2) ?? '–'],
  ['CPU ratio', ({ processorTime }) => processorTime.ratio?.toFixed(2) ?? '–'],
  ['images/s', ({ imagesPerSecond }) => number(imagesPerSecond)],
  ['peak MiB', ({ peakMemory: { ours, peer } }) => `${number(ours)} / ${number(peer)}`],
];

/** The measurements as a table of text, and a line for each pair of sides that did not do the same work. */
export function table(rows: readonly Measurement[]): string {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  const text = cells.map((line) =>
    line.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  );
  return `${[...text.map((line) => line.trimEnd()), ...rows.flatMap(disagreement)].join('\n')}\n`;
}

/** Whether both sides gave the same number, to a thousandth. */
export function agree({ firstValue: { ours, peer } }: Measurement): boolean {
  return peer === null || Math.abs(ours - peer) <= 1e-3 * Math.max(1, Math.abs(peer));
}

function disagreement(row: Measurement): string[] {
  // An engine that is compared with itself does two different things.
  if (agree(row) || row.peer?.startsWith(row.engine)) return [];
  const { ours, peer } = row.firstValue;
  return [`${row.workload}: the first values differ, ${row.engine} ${ours}, ${row.peer} ${peer}`];
}

function number(value: number | null): string {
  if (value === null) return '–';
  return value < 100 ? value.toPrecision(3) : value.toFixed(0);
}
