import type { TrainedNetwork } from '../../run/index.ts';

/** What has to be known of a network to look into it. Every {@link TrainedNetwork} is one. */
export type Looked = Pick<
  TrainedNetwork,
  'model' | 'output' | 'scored' | 'link' | 'classes' | 'imageSize' | 'channels' | 'targetLayer' | 'name'
>;

/** Height, width and channels of the images that it takes. */
export function shapeOfImages({ imageSize, channels }: Looked): [number, number, number] {
  return [imageSize[0], imageSize[1], channels];
}
