import type { Metric } from './sweep.ts';
import type { SweepTable, TablePart, TableRow, TableRun } from './table.ts';

/**
 * The table of a sweep in Markdown, padded so that it also reads as plain text.
 *
 * @param width columns of a terminal; where a table is wider, each of its rows becomes a list
 */
export function sweepMarkdown(table: SweepTable, width = Number.POSITIVE_INFINITY): string {
  const { name, seeds, metrics, parts, confidence } = table;
  const shares = metrics.some(({ percent }) => percent) ? '; shares in per cent' : '';
  const blocks = [
    `# ${name}`,
    seeds.length === 1
      ? `Seed ${seeds[0]}: one run of each${shares}.`
      : `Mean ± sample standard deviation over the seeds ${seeds.join(', ')}${shares}.`,
    ...parts.flatMap((part) => partBlocks(part, metrics, width)),
  ];
  if (parts.some(({ differences }) => differences.length > 0)) {
    blocks.push(
      `Differences are taken seed by seed, [between the ends] of the ${Math.round(100 * confidence)} % interval of ` +
        "Student's t over the seeds; * marks those that leave out 0. No correction for their number.",
    );
  }
  const troubles = parts.flatMap(({ name: part, rows }) =>
    rows.flatMap((row) =>
      row.runs.flatMap(({ seed, status, reason }) => {
        if (status === 'finished') return [];
        const run = [part, row.name, `seed ${seed}`].filter(Boolean).join(', ');
        return [`- ${run}: ${reason ?? (status === 'missing' ? 'not done' : status)}`];
      }),
    ),
  );
  if (troubles.length > 0) blocks.push(troubles.join('\n'));
  return `${blocks.join('\n\n')}\n`;
}

function partBlocks(
  { name, rows, differences, constant = {} }: TablePart,
  metrics: readonly Metric[],
  width: number,
) {
  const titles = metrics.map(({ title }) => title);
  const scores = rows.map((row) => [
    row.name,
    runsCell(row.runs),
    ...metrics.map((metric) => scoreCell(row, metric)),
  ]);
  const still = metrics.map((metric) =>
    metric.key in constant ? shown(constant[metric.key]!, metric) : '–',
  );
  if (still.some((cell) => cell !== '–')) scores.push(['(constant answer)', '', ...still]);
  const compared = differences.map(({ of, against, scores: differing }) => [
    `${of} − ${against}`,
    ...metrics.map((metric) => {
      const { mean, low, high } = differing[metric.key]!;
      if (Number.isNaN(mean)) return '–';
      const signed = `${mean >= 0 ? '+' : ''}${shown(mean, metric)}`;
      if (Number.isNaN(low)) return signed;
      return `${signed} [${shown(low, metric)}, ${shown(high, metric)}]${low > 0 || high < 0 ? ' *' : ''}`;
    }),
  ]);
  return [
    ...(name === '' ? [] : [`## ${name}`]),
    grid([['', 'runs', ...titles], ...scores], width),
    ...(compared.length === 0 ? [] : [grid([['difference', ...titles], ...compared], width)]),
  ];
}

function runsCell(runs: readonly TableRun[]): string {
  const count = (status: TableRun['status']) => runs.filter((run) => run.status === status).length;
  const others = (['diverged', 'failed', 'dropped', 'missing'] as const).flatMap((status) =>
    count(status) > 0 ? [`${count(status)} ${status}`] : [],
  );
  return [count('finished'), ...others].join(', ');
}

function scoreCell({ scores }: TableRow, metric: Metric): string {
  const { mean, std } = scores[metric.key]!;
  if (Number.isNaN(mean)) return '–';
  return Number.isNaN(std) ? shown(mean, metric) : `${shown(mean, metric)} ± ${shown(std, metric)}`;
}

function shown(value: number, { percent }: Metric): string {
  const text = percent ? (100 * value).toFixed(1) : String(Number(value.toPrecision(4)));
  return text.replace('-', '−');
}

/** Cells as a Markdown table, or as lists where that would be too wide. */
function grid(rows: readonly (readonly string[])[], width: number): string {
  const [titles, ...body] = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|'))) as [
    string[],
    ...string[][],
  ];
  const widths = titles.map((_, c) => Math.max(3, ...[titles, ...body].map((row) => row[c]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join(' | ')} |`;
  const rule = `|${widths.map((w, c) => (c === 0 ? '-'.repeat(w + 2) : `${'-'.repeat(w + 1)}:`)).join('|')}|`;
  const table = [line(titles), rule, ...body.map(line)];
  if (table.every((text) => text.length <= width)) return table.join('\n');
  return body
    .flatMap(([name, ...cells]) => [`- ${name}`, ...cells.map((cell, c) => `  - ${titles[c + 1]}: ${cell}`)])
    .join('\n');
}
