import type { Audit } from './audit.ts';

/** The audit as lines for a terminal: the verdicts, and a row of numbers for each class. */
export function auditTable({ audit }: { readonly audit: Audit }): string {
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined || Number.isNaN(value) ? '–' : (100 * value).toFixed(1);
  const header = [
    'class',
    'apart',
    'together',
    'worst cell',
    'AUC',
    'yes without object',
    'yes with it alone',
    'evidence off',
  ];
  const rows = audit.classes.map(({ class: name, composites, real, evidence }) => [
    name,
    percent(composites?.apart.value),
    percent(composites?.together.value),
    percent(composites?.worst),
    percent(composites?.auc),
    percent(real?.yesWithoutObject),
    percent(real?.yesWithObjectAlone),
    percent(evidence.offShare),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  const about =
    audit.masks === 'none'
      ? 'without masks: only what goes with the answers can be said, not what causes them'
      : `objects known by ${audit.masks} masks`.replace('boxes masks', 'boxes');
  return [
    ...audit.classes.map(({ verdict }) => verdict.sentence),
    '',
    `${audit.split}, ${audit.images} images, ${about}; per cent; a constant answer has 50 where object and ground come apart`,
    line(header),
    '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)),
    ...rows.map(line),
    '',
  ].join('\n');
}
