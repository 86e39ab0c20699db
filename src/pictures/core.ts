/** What pictures are made of, without files and decoders: for browsers. The other face, of everything, is `index.ts`. */

export { type ColorMapName, colorMap, colorMapNames, colorOf } from './color-map.ts';
export {
  type BoxOptions,
  drawBoxes,
  type NormalizedBox,
  type OverlayOptions,
  overlayMap,
} from './overlay.ts';
export { grayscale, type PixelMap, type Rgb, type RgbImage, resizeMap, rgbImage } from './pixels.ts';
export { type HeatmapRgbaOptions, heatmapRgba, type RgbaImage, rgba } from './rgba.ts';
