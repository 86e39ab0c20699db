import type { MethodOptions } from '../method.ts';

/** Options of the methods that go back to the pixels. `targetLayer` has no part in them. */
export interface PixelOptions extends MethodOptions {
  /** Index or name of the input whose pixels are explained, of a model with several. @default 0 */
  input?: number | string | undefined;
}
