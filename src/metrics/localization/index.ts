export { type BoxList, boxAt, boxesFromMap, byteMap, ContourSweep, levelOf } from './contour-sweep.ts';
export {
  bestIou,
  boxArea,
  boxIou,
  emptyBox,
  maskBox,
  type PixelBox,
  pixelBox,
  resizeBox,
} from './pixel-box.ts';
