import {
  type EngineName,
  engineNames,
  type OnnxProvider,
  offeredOnnxProviders,
  operatorSupport,
  runtimeFolder,
  slimRuntime,
} from '../engine/index.ts';
import { type EngineReport, reportEngine } from '../engine-check/index.ts';
import { EngineError } from '../errors/index.ts';
import { startProgress } from '../progress/index.ts';
import { command } from './program.ts';

export const engines = command({
  name: 'engines',
  describe: 'List the compute engines',
  usage: ['', 'Lists the compute engines: which work here, whether they compute alike, and how fast.'],
  options: {
    json: { type: 'boolean', default: false, describe: 'Print JSON instead of a table' },
    verbose: {
      type: 'boolean',
      default: false,
      describe: 'Also which operators of the engine onnx each of its providers computes',
    },
    slim: {
      type: 'boolean',
      default: false,
      describe: 'Delete the libraries of other systems from node_modules/onnxruntime-node, and do no more',
    },
  },
  examples: [['--slim', 'in an image that is shipped: half the size']],
  exitCodes: '2 usage or engine',
  async run({ json, verbose, slim }) {
    if (slim) {
      const folder = runtimeFolder();
      const { removed, bytes } = await slimRuntime(folder);
      process.stdout.write(
        json
          ? `${JSON.stringify({ folder, removed, bytes })}\n`
          : removed.length > 0
            ? `${folder}: ${(bytes / 2 ** 20).toFixed(0)} MB of ${removed.join(', ')} deleted\n`
            : `${folder}: nothing of other systems is there\n`,
      );
      return;
    }
    const offered = providers();
    const columns = engineNames.flatMap((name): { name: EngineName; provider?: OnnxProvider }[] =>
      name === 'onnx' ? offered.map((provider) => ({ name, provider })) : [{ name }],
    );
    const progress = startProgress('checking engines', columns.length);
    const reports: EngineReport[] = [];
    for (const { name, provider } of columns) {
      progress.update(reports.length, provider ? `${name}:${provider}` : name);
      reports.push(await reportEngine(name, provider));
    }
    progress.stop();
    process.stdout.write(json ? `${JSON.stringify(reports, null, 2)}\n` : describe(reports));
    if (verbose && !json) process.stdout.write(describeOperators(offered.filter((one) => one !== 'cpu')));
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

/** What of the engine's operators a device leaves to the processor: there and back cost more than the operator. */
function describeOperators(providers: readonly OnnxProvider[]): string {
  const lines = providers.map((provider) => {
    const support = operatorSupport(provider);
    const missing = support.flatMap(({ operator, onDevice }) => (onDevice ? [] : [operator]));
    if (missing.length === support.length)
      return `onnx:${provider}  none of ${support.length}: no device answers`;
    const left = missing.length === 0 ? '' : `; on the processor: ${missing.join(', ')}`;
    return `onnx:${provider}  ${support.length - missing.length} of ${support.length} operators on the device${left}`;
  });
  return `\n${lines.join('\n')}\n`;
}

/** Without the native library there is still the line that says so. */
function providers(): OnnxProvider[] {
  try {
    return offeredOnnxProviders();
  } catch (error) {
    if (error instanceof EngineError) return ['cpu'];
    throw error;
  }
}
