import { engineNames } from '../engine/index.ts';
import { type EngineReport, reportEngine } from '../engine-check/index.ts';
import { startProgress } from '../progress/index.ts';
import { command } from './program.ts';

export const engines = command({
  name: 'engines',
  describe: 'List the compute engines',
  usage: ['', 'Lists the compute engines: which work here, whether they compute alike, and how fast.'],
  options: { json: { type: 'boolean', default: false, describe: 'Print JSON instead of a table' } },
  examples: [],
  exitCodes: '2 usage',
  async run({ json }) {
    const progress = startProgress('checking engines', engineNames.length);
    const reports: EngineReport[] = [];
    for (const name of engineNames) {
      progress.update(reports.length, name);
      reports.push(await reportEngine(name));
    }
    progress.stop();
    process.stdout.write(json ? `${JSON.stringify(reports, null, 2)}\n` : describe(reports));
  },
});

function describe(reports: readonly EngineReport[]): string {
  const titles = ['engine', 'threads', '1st order', '2nd order', 'matmul', 'conv', 'version and device'];
  const rows = reports.flatMap((report) =>
    report.works
      ? [
          [
            report.name,
            report.engine.device.startsWith('GPU') ? '–' : String(report.engine.threads),
            report.firstOrder.toExponential(0),
            report.secondOrder.toExponential(0),
            report.matmul.toPrecision(2),
            report.convolution.toPrecision(2),
            `${report.engine.version}, ${report.engine.device}`,
          ],
        ]
      : [],
  );
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const last = titles.length - 1;
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 || column === last ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  const missing = reports.flatMap((report) => (report.works ? [] : [`${report.name}: ${report.problem}`]));
  return [
    '',
    ...[titles, ...rows].map(line),
    '',
    '1st and 2nd order: largest relative difference of a gradient from the engine cpu; speeds in GFLOP/s',
    ...(missing.length > 0 ? ['', 'not available here', ...missing.map((text) => `  ${text}`)] : []),
    '',
  ].join('\n');
}
