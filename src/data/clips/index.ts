export { type ClipViewOptions, readClipView } from './clip-view.ts';
export { framesOf } from './frames-of.ts';
export { type ClipOptions, isClipFile, readClip } from './read-clip.ts';
export { type StackedFrames, stackFrames, stackMasks } from './stacked-frames.ts';
export { videoEndings, videoFrames } from './video-frames.ts';
export { resizeVolume, stretchVolume, type Volume } from './volume.ts';
