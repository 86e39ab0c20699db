import { explanationMethods, type MethodEntry, methodGroups } from '../../explain/core.ts';
import { type NetworkNode, networkNodes, resolveTargetLayer, spatialLayers } from '../../gradcam/index.ts';
import type { Looked } from './subject.ts';

/** What a page needs to know of a network before it has seen an image. */
export interface NetworkView {
  readonly name: string;
  readonly classes: readonly string[];
  readonly link: 'softmax' | 'sigmoid';
  readonly imageSize: readonly [number, number];
  readonly channels: 1 | 3;
  readonly nodes: readonly NetworkNode[];
  /** Layers that class maps can be made of, in the order of execution. */
  readonly layers: readonly string[];
  /** The one that they are made of unless another is chosen; null where there is none. */
  readonly targetLayer: string | null;
  readonly methods: readonly MethodView[];
}

/** A method of explanation, without what computes it. */
export type MethodView = Omit<MethodEntry, 'explain'> & { readonly groupTitle: string };

/** Describes a network for the page: its layers, its classes, and the methods that there are. */
export function networkView(subject: Looked): NetworkView {
  const { model, output, name, classes, link, imageSize, channels } = subject;
  const layers = spatialLayers(model);
  return {
    name,
    classes,
    link,
    imageSize,
    channels,
    nodes: networkNodes(model),
    layers,
    targetLayer: layers.length > 0 ? resolveTargetLayer(model, subject.targetLayer, { output }).path : null,
    methods: explanationMethods.map(({ explain: _, ...method }) => ({
      ...method,
      groupTitle: methodGroups[method.group],
    })),
  };
}
