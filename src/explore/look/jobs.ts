import type { AttributionKind } from '../../explain/core.ts';
import type { LayerView, StripsView } from './layer-view.ts';
import type { UnitView } from './unit-view.ts';

/** A question about a network and one image. */
export type LookJob =
  | { readonly kind: 'scores' }
  | {
      readonly kind: 'map';
      readonly method: string;
      readonly class: number;
      /** @default that of the network */
      readonly layer?: string | undefined;
      readonly samples?: number | undefined;
    }
  | { readonly kind: 'strips' }
  | { readonly kind: 'layer'; readonly node: string }
  | { readonly kind: 'unit'; readonly node: string; readonly channel: number }
  | {
      readonly kind: 'project';
      readonly layer: string;
      readonly channel: number;
      readonly position: readonly [number, number];
    }
  | { readonly kind: 'maximize'; readonly layer: string; readonly channel: number };

/** What is answered to each question. */
export interface LookAnswers {
  readonly scores: { readonly logits: Float32Array; readonly probabilities: Float32Array };
  readonly map: MapView;
  readonly strips: StripsView;
  readonly layer: LayerView;
  readonly unit: UnitView;
  readonly project: { readonly pixels: Float32Array };
  readonly maximize: { readonly pixels: Float32Array; readonly value: number; readonly before: number };
}

/** An attribution as its method gives it: neither normalised nor resized. */
export interface MapView {
  readonly method: string;
  readonly kind: AttributionKind;
  /** [h, w], or [H,W,c] in pixel space. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly defect: 'dead' | 'not finite' | null;
  readonly probability: number;
}
