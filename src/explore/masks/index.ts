export { type DrawnMask, DrawnMasks, drawnMasksFile, NO_REVISION } from './drawn-masks.ts';
export { exportDrawn } from './export-drawn.ts';
