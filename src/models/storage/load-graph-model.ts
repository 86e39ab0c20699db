import type * as tf from '@tensorflow/tfjs-core';
import { io } from '@tensorflow/tfjs-core';
import { ModelError } from '../../errors/index.ts';
import { isJson, type Json } from '../keras/dialect.ts';
import { readGraphJson } from './read-model-json.ts';

/** A network as operations, without layers: what `tensorflowjs_converter` makes of a SavedModel. */
export interface LoadedGraph {
  readonly inputs: readonly { readonly name: string; readonly shape?: readonly number[] | undefined }[];
  readonly outputs: readonly { readonly name: string }[];
  execute(inputs: tf.Tensor[], outputs: string[]): tf.Tensor | tf.Tensor[];
  dispose(): void;
  /** What an output ends in, and the operation before it, whose values are the logits. */
  endOf(output: string): { readonly link: 'softmax' | 'sigmoid'; readonly logits: string } | undefined;
}

const ends: Readonly<Record<string, 'softmax' | 'sigmoid'>> = { Softmax: 'softmax', Sigmoid: 'sigmoid' };

/**
 * Loads a tfjs graph-model from disk.
 *
 * @param file its model.json
 * @returns undefined for a file of another kind
 * @throws {ModelError} when it is damaged, or holds operations that tfjs does not know
 */
export async function loadGraphFile(file: string): Promise<LoadedGraph | undefined> {
  const read = await readGraphJson(file);
  if (!read) return undefined;
  const { json, specs, bytes } = read;
  const { loadGraphModel } = await import('@tensorflow/tfjs-converter');
  const artifacts = {
    ...json,
    modelTopology: json.modelTopology as object,
    weightSpecs: specs as unknown as io.WeightsManifestEntry[],
    weightData: bytes,
  } as io.ModelArtifacts;
  const model = await loadGraphModel(io.fromMemory(artifacts)).catch((cause: Error) => {
    throw new ModelError(`${file}: the graph-model cannot be loaded: ${cause.message.split('\n', 1)[0]}`, {
      cause,
    });
  });
  const nodes = new Map(nodesOf(json).map((node) => [String(node.name), node]));
  return {
    inputs: model.inputs as LoadedGraph['inputs'],
    outputs: model.outputs as LoadedGraph['outputs'],
    execute: (inputs, outputs) => model.execute(inputs, outputs),
    dispose: () => model.dispose(),
    endOf(output) {
      let node = nodes.get(nameOf(output));
      while (node && (node.op === 'Identity' || node.op === 'Reshape')) node = nodes.get(firstInput(node));
      const link = node && ends[String(node.op)];
      return link && { link, logits: firstInput(node!) };
    },
  };
}

function nodesOf({ modelTopology }: Json): readonly Json[] {
  const node = isJson(modelTopology) ? modelTopology.node : undefined;
  return Array.isArray(node) ? node.filter(isJson) : [];
}

function firstInput({ input }: Json): string {
  return Array.isArray(input) ? nameOf(String(input[0])) : '';
}

/** `scores:0` and `^scores` as `scores`. */
function nameOf(reference: string): string {
  return reference.replace(/^\^/, '').split(':')[0]!;
}
