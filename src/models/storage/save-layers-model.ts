import { resolve } from 'node:path';
import { io } from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { writeFolder } from '../../files/index.ts';

/**
 * Saves a model as `model.json` and `weights.bin`, which stock tfjs loads.
 *
 * A folder that does not exist yet appears complete or not at all. In one that exists, the files are
 * replaced one after the other, the weights first; a crash between the two leaves the new weights under the
 * old description, which for the same network is the new model.
 *
 * @param dir is made when it does not exist
 * @throws {ModelError} two weights have one name, which tfjs would save but never load
 * @throws {RunError} when it cannot be written; nothing is left of it then
 */
export async function saveLayersModel(model: tfl.LayersModel, dir: string): Promise<void> {
  const names = model.weights.map(({ originalName }) => originalName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ModelError(
      `${dir}: a model with two weights called "${twice}" cannot be saved; give its layers different names`,
    );
  }
  const target = resolve(dir);
  await model.save(
    io.withSaveHandler(async (artifacts) => {
      const { modelTopology, weightSpecs = [], weightData, userDefinedMetadata } = artifacts;
      const json = {
        format: 'layers-model',
        generatedBy: artifacts.generatedBy,
        convertedBy: null,
        modelTopology,
        weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }],
        ...(userDefinedMetadata && { userDefinedMetadata }),
      };
      const weights = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
      await writeFolder(target, [
        ['weights.bin', weights],
        ['model.json', JSON.stringify(json)],
      ]);
      return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
}
