/**
 * Colour maps, overlays and grids of pictures.
 *
 * @packageDocumentation
 */

export {
  type AttentionItem,
  attentionGrid,
  type BoxOptions,
  beforeAfterGrid,
  type ColorMapName,
  type ComparedMap,
  type ComparisonItem,
  colorMap,
  drawBoxes,
  type GridOptions,
  grayscale,
  type HeatmapRgbaOptions,
  heatmapRgba,
  imageGrid,
  type NormalizedBox,
  type OverlayOptions,
  overlayMap,
  type PixelMap,
  png,
  type Rgb,
  type RgbaImage,
  type RgbImage,
  resizeMap,
  rgba,
  rgbImage,
  type Tile,
} from './pictures/index.ts';
