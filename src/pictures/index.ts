export {
  type AttentionItem,
  attentionGrid,
  beforeAfterGrid,
  type ComparedMap,
  type ComparisonItem,
} from './attention-grid.ts';
export { type ColorMapName, colorMap, colorMapNames, colorOf } from './color-map.ts';
export { dataAddress, webpAddress } from './data-address.ts';
export { frameStrip, mapAtFrames, shownFrames } from './frame-strip.ts';
export { type Content, type Html, html, markup, slug } from './html.ts';
export { type GridOptions, imageGrid, type Tile } from './image-grid.ts';
export { mosaic } from './mosaic.ts';
export { npy } from './npy.ts';
export {
  type BoxOptions,
  drawBoxes,
  type NormalizedBox,
  type OverlayOptions,
  overlayMap,
} from './overlay.ts';
export { type Page, renderPage } from './page.ts';
export { style as pageStyle } from './page-style.ts';
export { grayscale, type PixelMap, type Rgb, type RgbImage, resizeMap, rgbImage } from './pixels.ts';
export { png } from './png.ts';
export { type HeatmapRgbaOptions, heatmapRgba, type RgbaImage, rgba } from './rgba.ts';
export { facts, table } from './table.ts';
