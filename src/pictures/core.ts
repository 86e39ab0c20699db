/** Pictures that need no Node module, for `tfjs-gain/core`: RGB and RGBA bytes. */
export { type ColorMapName, colorMap } from './color-map.ts';
export {
  type BoxOptions,
  drawBoxes,
  type NormalizedBox,
  type OverlayOptions,
  overlayMap,
} from './overlay.ts';
export { grayscale, type PixelMap, type Rgb, type RgbImage, resizeMap, rgbImage } from './pixels.ts';
export { type HeatmapRgbaOptions, heatmapRgba, type RgbaImage, rgba } from './rgba.ts';
