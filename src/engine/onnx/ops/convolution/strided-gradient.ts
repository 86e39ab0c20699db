import type { GraphBuilder } from '../../graph/graph-builder.ts';
import type { Convolution, ConvolutionSizes } from './convolution-geometry.ts';

/** What reaches every stride-th element of an axis, from one of its `stride` first elements on. */
interface AxisPhase {
  /** Taps of the filter, in the order in which they walk over dy. */
  readonly taps: number[];
  readonly before: number;
  readonly after: number;
}

/** One convolution over dy whose result is every stride-th element of the input gradient. */
export interface Phase {
  /** Numbers of the taps in [kh, kw]; none where no window reaches. */
  readonly taps: number[];
  readonly kernel: [number, number];
  readonly before: number[];
  readonly after: number[];
}

/**
 * The input gradient of a strided 2-D convolution, element s·m + a of an axis:
 *
 *     dx[s·m + a] = Σ_k w[k] · dy[m + (a + before − k) / s],   over the k for which that is whole
 *
 * So the elements with the same a are a convolution of stride 1 over dy with some of the taps.
 *
 * @returns the phases, [rows a][columns a], or null where this does not apply
 */
export function gradientPhases({ window }: Convolution, sizes: ConvolutionSizes): Phase[][] | null {
  const { inputSpatial, outputSpatial } = sizes;
  if (inputSpatial.length !== 2 || window.dilations.some((dilation) => dilation !== 1)) return null;
  if (inputSpatial.some((size, i) => size % window.strides[i]! !== 0)) return null;
  const axes = inputSpatial.map((size, i) =>
    Array.from({ length: window.strides[i]! }, (_, phase) =>
      axisPhase(phase, window.strides[i]!, window.kernel[i]!, window.before[i]!, size, outputSpatial[i]!),
    ),
  ) as [AxisPhase[], AxisPhase[]];
  if (axes.flat().some(({ before, after }) => before < 0 || after < 0)) return null;
  const columns = window.kernel[1]!;
  return axes[0].map((row) =>
    axes[1].map((column) => ({
      taps: row.taps.flatMap((y) => column.taps.map((x) => y * columns + x)),
      kernel: [row.taps.length, column.taps.length],
      before: [row.before, column.before],
      after: [row.after, column.after],
    })),
  );
}

function axisPhase(
  phase: number,
  stride: number,
  kernel: number,
  before: number,
  inputs: number,
  outputs: number,
): AxisPhase {
  const taps = Array.from({ length: kernel }, (_, k) => k)
    .filter((k) => (phase + before - k) % stride === 0)
    .reverse();
  if (taps.length === 0) return { taps, before: 0, after: 0 };
  const offset = (k: number): number => (phase + before - k) / stride;
  return {
    taps,
    before: -offset(taps[0]!),
    after: inputs / stride - 1 + offset(taps.at(-1)!) - (outputs - 1),
  };
}

/**
 * Puts the phases next to each other: [rows a][columns a] of [N, C/b, H, W, b] → [N, C/b, s·H, s·W, b].
 *
 * @param shape [N · C/b, H, W, b] of one phase
 */
export function interleavePhases(
  graph: GraphBuilder,
  phases: readonly (readonly string[])[],
  [planes, height, width, block]: [number, number, number, number],
): string {
  const rows = phases.map((columns) => {
    const cells = columns.map((name) => graph.reshape(name, [planes * height, width, 1, block]));
    return cells.length === 1 ? cells[0]! : graph.node('Concat', cells, { axis: 2 });
  });
  const whole = width * phases[0]!.length * block;
  const lines = rows.map((name) => graph.reshape(name, [planes * height, 1, whole]));
  return lines.length === 1 ? lines[0]! : graph.node('Concat', lines, { axis: 1 });
}
