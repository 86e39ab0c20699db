import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { type Layer, networkNodes } from '../../gradcam/index.ts';
import { imageGrid, type RgbImage, type Tile } from '../../pictures/index.ts';
import { inRows, short } from './feature-maps.ts';

/** The filters of a convolution on the host. */
export interface Kernels {
  /** Path of the layer. */
  readonly layer: string;
  /** [h,w] */
  readonly size: readonly [number, number];
  /** C_in. */
  readonly channels: number;
  readonly strides: readonly [number, number];
  /** Per filter: [h·w·C_in]. */
  readonly filters: readonly Float32Array[];
}

/** What of one filter is to be known. Shares of its power without the mean, from 0 to 1. */
export interface FilterDiagnosis {
  /** Root mean square of its weights. */
  readonly rms: number;
  /** Whether it is hardly anything beside the strongest. */
  readonly dead: boolean;
  /** Frequencies below 1/6, up to 1/3, and above, in cycles per pixel (½ is the highest there is). */
  readonly low: number;
  readonly middle: number;
  readonly high: number;
  /** Power that a stride folds onto other frequencies: above 1 / (2 stride). */
  readonly aliased: number;
}

export interface KernelDiagnosis {
  readonly layer: string;
  readonly filters: readonly FilterDiagnosis[];
  /** Numbers of the dead filters. */
  readonly dead: readonly number[];
  /** How many living filters have most of their power in each band. */
  readonly bands: { readonly low: number; readonly middle: number; readonly high: number };
  /** Mean of the living filters. */
  readonly aliased: number;
  /** The findings in words, none when nothing is wrong. */
  readonly findings: readonly string[];
}

/** Below this share of the strongest filter's RMS a filter is dead. */
const deadBelow = 0.01;
/** A band with less than this share of the living filters is called missing. */
const missingBelow = 0.05;
/** Side of the Fourier transform that filters are brought to. */
const spectrum = 32;

/**
 * The filters of a convolution.
 *
 * @param targetLayer path of a layer @default the first convolution
 * @throws {ModelError} when the layer does not exist, or is no two-dimensional convolution
 */
export function kernelsOf(model: tfl.LayersModel, targetLayer?: string): Kernels {
  const convolutions = networkNodes(model).filter(({ op }) => op === 'Conv2D' || op === 'DepthwiseConv2D');
  const found = convolutions.find(({ name }) => targetLayer === undefined || name === targetLayer);
  if (!found) {
    const names = convolutions.map(({ name }) => name).join(', ') || 'none';
    throw new ModelError(
      `Model "${model.name}": no convolution ${targetLayer === undefined ? 'at all' : `"${targetLayer}"`}; there are ${names}`,
    );
  }
  const layer = layerAt(model, found.name.replace(/#\d+$/, ''));
  const { kernel, depthwiseKernel } = layer as unknown as Record<
    'kernel' | 'depthwiseKernel',
    { read(): { shape: number[]; dataSync(): ArrayLike<number> } } | undefined
  >;
  const weights = (kernel ?? depthwiseKernel)!.read();
  const [h, w, inner, outer] = weights.shape as [number, number, number, number];
  const values = weights.dataSync();
  const depthwise = kernel === undefined;
  const [channels, count] = depthwise ? [1, inner * outer] : [inner, outer];
  const filters = Array.from({ length: count }, (_, f) =>
    Float32Array.from({ length: h * w * channels }, (_, i) =>
      depthwise ? values[i * inner * outer + f]! : values[i * outer + f]!,
    ),
  );
  const [a = 1, b = a] = found.strides ?? [1, 1];
  return { layer: found.name, size: [h, w], channels, strides: [a, b], filters };
}

function layerAt(model: tfl.LayersModel, path: string): Layer {
  const [head, ...rest] = path.split('/');
  const layer = model.getLayer(head!);
  return rest.length > 0 ? layerAt(layer as tfl.LayersModel, rest.join('/')) : layer;
}

/**
 * What is wrong with filters, as Zeiler and Fergus looked for it in AlexNet's first layers: filters that are dead or outshine
 * all others, frequencies that no filter answers to, and aliasing by a large stride.
 *
 *     F = |DFT of each channel, its mean taken off|²,   low: |f| < 1/6,   middle: to 1/3,   high: above (cycles per pixel)
 *     aliased = Σ F with |f_x| or |f_y| above 1 / (2 stride), over Σ F
 *
 * (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.1, who looked; the numbers are
 * of this project.)
 */
export function diagnoseKernels({ layer, size, channels, strides, filters }: Kernels): KernelDiagnosis {
  const strength = filters.map((filter) =>
    Math.sqrt(filter.reduce((sum, v) => sum + v * v, 0) / filter.length),
  );
  const strongest = Math.max(...strength);
  const diagnosed = filters.map((filter, f): FilterDiagnosis => {
    const power = { low: 0, middle: 0, high: 0, aliased: 0, all: 0 };
    for (let channel = 0; channel < channels; channel++)
      addPower(filter, size, channels, channel, strides, power);
    const share = (value: number) => (power.all > 0 ? value / power.all : 0);
    return {
      rms: strength[f]!,
      dead: !(strength[f]! > deadBelow * strongest),
      low: share(power.low),
      middle: share(power.middle),
      high: share(power.high),
      aliased: share(power.aliased),
    };
  });
  const living = diagnosed.filter(({ dead }) => !dead);
  const most = (band: 'low' | 'middle' | 'high') =>
    living.filter((one) => one[band] === Math.max(one.low, one.middle, one.high)).length;
  const bands = { low: most('low'), middle: most('middle'), high: most('high') };
  const aliased = living.reduce((sum, one) => sum + one.aliased, 0) / Math.max(1, living.length);
  const dead = diagnosed.flatMap((one, f) => (one.dead ? [f] : []));
  const findings: string[] = [];
  if (dead.length > 0) {
    findings.push(
      `${dead.length} of ${filters.length} filters are dead (less than 1 % of the strongest): ${dead.join(', ')}`,
    );
  }
  // A window of one pixel has no frequencies, one of two or three no middle ones to speak of.
  if (Math.min(...size) >= 3) {
    for (const band of ['low', 'middle', 'high'] as const) {
      if (bands[band] < missingBelow * living.length) {
        findings.push(
          `${band} frequencies are missing: ${bands[band]} of ${living.length} living filters are mostly of them`,
        );
      }
    }
  }
  const stride = Math.max(...strides);
  if (stride > 1 && aliased > 0.25) {
    findings.push(
      `stride ${stride} aliases: ${Math.round(100 * aliased)} % of the filters' power lies above 1/${2 * stride} cycles per pixel`,
    );
  }
  return { layer, filters: diagnosed, dead, bands, aliased, findings };
}

interface Power {
  low: number;
  middle: number;
  high: number;
  aliased: number;
  all: number;
}

/** Adds the power spectrum of one channel of a filter, zero-padded, its mean taken off. */
function addPower(
  filter: Float32Array,
  [h, w]: readonly [number, number],
  channels: number,
  channel: number,
  [strideY, strideX]: readonly [number, number],
  power: Power,
): void {
  const at = (y: number, x: number) => filter[(y * w + x) * channels + channel]!;
  let mean = 0;
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) mean += at(y, x) / (h * w);
  const n = Math.max(spectrum, h, w);
  for (let u = 0; u < n; u++) {
    for (let v = 0; v < n; v++) {
      let [real, imaginary] = [0, 0];
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const angle = (-2 * Math.PI * (u * y + v * x)) / n;
          real += (at(y, x) - mean) * Math.cos(angle);
          imaginary += (at(y, x) - mean) * Math.sin(angle);
        }
      }
      const value = real * real + imaginary * imaginary;
      const [fy, fx] = [Math.min(u, n - u) / n, Math.min(v, n - v) / n];
      const frequency = Math.hypot(fy, fx);
      if (frequency < 1 / 6) power.low += value;
      else if (frequency <= 1 / 3) power.middle += value;
      else power.high += value;
      if (fy > 1 / (2 * strideY) || fx > 1 / (2 * strideX)) power.aliased += value;
      power.all += value;
    }
  }
}

/**
 * Filters as a grid of pictures: in colour where they read three channels, else in grey, the largest magnitude of each being
 * the end of its scale and grey 0; of other numbers of channels their mean. Dead filters are written in red.
 *
 * @returns a PNG
 */
export async function kernelGrid(
  kernels: Kernels,
  diagnosis: KernelDiagnosis = diagnoseKernels(kernels),
): Promise<Buffer> {
  const { layer, size, channels, filters } = kernels;
  const [height, width] = size;
  const tiles = filters.map((filter, f): Tile => {
    const { rms, dead } = diagnosis.filters[f]!;
    return {
      image: kernelImage(filter, height, width, channels),
      caption: `${f}`,
      note: short(rms),
      ...(dead && { warning: 'note' as const }),
    };
  });
  return imageGrid(inRows(tiles, Math.ceil(Math.sqrt(1.4 * tiles.length))), {
    title: `${layer}: ${filters.length} filters of ${height}x${width}x${channels}, with their RMS`,
    tileSize: 72,
  });
}

function kernelImage(filter: Float32Array, height: number, width: number, channels: number): RgbImage {
  const colours = channels === 3;
  const planes = colours
    ? filter
    : Float32Array.from({ length: height * width }, (_, i) => {
        let sum = 0;
        for (let c = 0; c < channels; c++) sum += filter[i * channels + c]! / channels;
        return sum;
      });
  const peak = planes.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const value = planes[colours ? i : Math.trunc(i / 3)]!;
    return Math.round(127.5 + (127.5 * value) / peak);
  });
  return { data, width, height };
}
