import type { EvaluationSettings, Measured } from '../evaluation/index.ts';
import { type Html, html, table } from '../pictures/index.ts';

/** A row of a table of scores. */
export interface Measure<Scores> {
  readonly name: string;
  /** One line on what it is. */
  readonly about?: string;
  /** Which end of the scale is the good one; absent where neither is. */
  readonly better?: 'higher' | 'lower';
  /** Shares are shown in percent. @default true */
  readonly share?: boolean;
  readonly of: (scores: Scores) => Measured | number | null | undefined;
}

/** A column of a table of scores: a map method or a baseline. */
export interface ScoredColumn<Scores> {
  readonly name: string;
  readonly baseline?: boolean;
  /** null where it could not be measured at all. */
  readonly scores: Scores | null;
}

/**
 * Measures by methods. A measure that no column has is left out. The best of a row, baselines included, is bold.
 */
export function scoreTable<Scores>(
  caption: string,
  columns: readonly ScoredColumn<Scores>[],
  measures: readonly Measure<Scores>[],
): Html {
  const rows = measures.flatMap((measure) => {
    const cells = columns.map(({ scores }) => (scores === null ? null : (measure.of(scores) ?? null)));
    return cells.every((cell) => cell === null) ? [] : [scoreRow(measure, cells)];
  });
  return table(
    caption,
    [
      'measure',
      ...columns.map(({ name, baseline }) => (baseline ? html`${name} <small>baseline</small>` : name)),
    ],
    rows,
  );
}

/** The end of a caption: what is small below the values, and what is bold. */
export function bestOfRow({ confidence, replicates }: EvaluationSettings['bootstrap']): string {
  const intervals =
    replicates > 0 ? `, with ${Math.round(confidence * 100)} % bootstrap intervals over images` : '';
  return `${intervals}; bold: the best of its row`;
}

function scoreRow<Scores>(measure: Measure<Scores>, cells: readonly (Measured | number | null)[]): Html {
  const { name, about, better, share = true } = measure;
  const best = better && bestOf(cells, better, share);
  const counted = cells.find((cell) => cell !== null && typeof cell !== 'number');
  const arrow = better && html` <span title="${better} is better">${better === 'higher' ? '↑' : '↓'}</span>`;
  const count = counted && html` <small>n ${counted.count.toLocaleString('en')}</small>`;
  return html`<tr><th scope="row">${name}${arrow}${count}${about && html`<small class="about">${about}</small>`}</th>${cells.map((cell) => scoreCell(cell, share, cell !== null && shown(numberOf(cell), share) === best))}</tr>`;
}

const numberOf = (cell: Measured | number) => (typeof cell === 'number' ? cell : cell.value);

/** The best value as it is shown; undefined where no two are told apart by what is shown. */
function bestOf(
  cells: readonly (Measured | number | null)[],
  better: 'higher' | 'lower',
  share: boolean,
): string | undefined {
  const values = cells.filter((cell) => cell !== null).map(numberOf);
  if (new Set(values.map((value) => shown(value, share))).size < 2) return undefined;
  return shown(Math[better === 'higher' ? 'max' : 'min'](...values), share);
}

function scoreCell(cell: Measured | number | null, share: boolean, best: boolean): Html {
  if (cell === null) return html`<td><span title="not measured">–</span></td>`;
  const { value, low, high } = typeof cell === 'number' ? { value: cell, low: null, high: null } : cell;
  const interval =
    low !== null && high !== null && html` <small>${shown(low, share)} – ${shown(high, share)}</small>`;
  return html`<td${best && html` class="best"`}>${number(value, share)}${interval}</td>`;
}

/** A number as it is read, with all its digits for programs. */
export function number(value: number | null | undefined, share = true): Html {
  if (value === null || value === undefined) return html`<span title="not measured">–</span>`;
  return html`<data value="${value}">${shown(value, share)}</data>`;
}

function shown(value: number, share: boolean): string {
  if (share) return (value * 100).toFixed(1);
  if (Number.isInteger(value)) return String(value);
  if (Math.abs(value) >= 1e3 && Math.abs(value) < 1e4) return value.toFixed(0);
  return Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(3);
}
