import type { BlackBox } from './black-box.ts';

/** Whether only its scores are known. */
export function isBlackBox<N extends object>(network: N | BlackBox): network is BlackBox {
  return 'blackBox' in network;
}
