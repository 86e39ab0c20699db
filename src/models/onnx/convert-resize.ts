import { ImageResizing, type ResizeCoordinates, type ResizeRounding } from '../layers/index.ts';
import { type Converter, fail } from './node-converter.ts';

const coordinates: Readonly<Record<string, ResizeCoordinates>> = {
  half_pixel: 'half-pixel',
  pytorch_half_pixel: 'half-pixel-or-first',
  align_corners: 'align-corners',
  asymmetric: 'asymmetric',
};

const roundings: Readonly<Record<string, ResizeRounding>> = {
  round_prefer_floor: 'half-down',
  round_prefer_ceil: 'half-up',
  floor: 'floor',
  ceil: 'ceil',
};

const interpolations = {
  nearest: 'nearest',
  linear: 'bilinear',
  bilinear: 'bilinear',
  cubic: 'cubic',
} as const;

/** `Resize`, and `Upsample` of older files, of images: nearest, bilinear, cubic. */
export const convertResize: Converter = ({ node, computed, layers, name, numbers, int, opset }) => {
  const { tensor, image } = computed(0);
  if (!image) return fail('of values that are no images');
  const said = (attribute: string, usual: string) => String(node.attributes.get(attribute) ?? usual);
  // Before opset 11 there was one way, that of TensorFlow's first resizes.
  const old = node.op === 'Upsample' || opset < 11;
  const mode = said('mode', 'nearest');
  const coordinate = old ? 'asymmetric' : said('coordinate_transformation_mode', 'half_pixel');
  const rounding = old ? 'floor' : said('nearest_mode', 'round_prefer_floor');
  const interpolation = interpolations[mode as keyof typeof interpolations] ?? fail(`with mode ${mode}`);
  const where = coordinates[coordinate] ?? fail(`with coordinates ${coordinate}`);
  if (int('antialias', 0) !== 0) return fail('with antialias');
  if (interpolation === 'cubic' && int('exclude_outside', 0) !== 0) return fail('with exclude_outside');
  if (node.attributes.has('axes')) return fail('of some axes');

  const scales = (old ? numbers(1, 'scales') : numbers(2)) ?? [];
  const sizes = (old ? undefined : numbers(3)) ?? [];
  const asked = sizes.length > 0 ? sizes : scales;
  if (asked.length !== 4) return fail('without a size');
  const kept = sizes.length > 0 ? [1, tensor.shape[3]] : [1, 1];
  // The first axis is the batch, whichever number the file has there as a size.
  if (asked[1] !== kept[1] || (sizes.length === 0 && asked[0] !== 1)) return fail('of batch or channels');
  const [vertical, horizontal] = asked.slice(2) as [number, number];
  const layer = new ImageResizing({
    name: layers.name(name),
    ...(sizes.length > 0 ? { height: vertical, width: horizontal } : { factors: [vertical, horizontal] }),
    interpolation,
    coordinates: where,
    rounding: roundings[rounding] ?? fail(`with nearest_mode ${rounding}`),
    sharpness: Number(node.attributes.get('cubic_coeff_a') ?? -0.75),
  });
  return [{ tensor: layers.apply(layer, tensor), image: true }];
};
