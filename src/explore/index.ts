/** The page that looks into a trained network, corrects it, and shows what it learned. */

export { Learning, recipe } from './learn/index.ts';
export { type DrawnMask, DrawnMasks, drawnMasksFile, exportDrawn, NO_REVISION } from './masks/index.ts';
export { pack, unpack } from './packing.ts';
export { bundlePage, type Explored, type ExploreOptions, explore } from './server/index.ts';
export { exportSite, type SiteFacts, type SiteOptions } from './site/index.ts';
