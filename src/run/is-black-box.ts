import type { BlackBox } from './black-box.ts';
import type { TrainedNetwork } from './trained-network.ts';

/** Whether only its scores are known. */
export function isBlackBox(network: TrainedNetwork | BlackBox): network is BlackBox {
  return 'blackBox' in network;
}
