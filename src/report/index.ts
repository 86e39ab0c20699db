export {
  type AttentionItem,
  attentionGrid,
  beforeAfterGrid,
  type ComparedMap,
  type ComparisonItem,
} from './attention-grid.ts';
export { type ColorMapName, colorMap, colorOf } from './color-map.ts';
export { type GridOptions, imageGrid, type Tile } from './image-grid.ts';
export {
  type BoxOptions,
  drawBoxes,
  type NormalizedBox,
  type OverlayOptions,
  overlayMap,
} from './overlay.ts';
export { grayscale, type PixelMap, type Rgb, type RgbImage, resizeMap, rgbImage } from './pixels.ts';
