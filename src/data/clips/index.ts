export { type ClipOptions, readClip } from './read-clip.ts';
export { resizeVolume, stretchVolume, type Volume } from './volume.ts';
