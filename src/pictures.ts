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
  imageGrid,
  type NormalizedBox,
  type OverlayOptions,
  overlayMap,
  type PixelMap,
  type Rgb,
  type RgbImage,
  resizeMap,
  rgbImage,
  type Tile,
} from './pictures/index.ts';
