import { mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { io } from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';

/**
 * Saves a model as `model.json` and `weights.bin`, which stock tfjs loads.
 *
 * A folder that does not exist yet appears complete or not at all. In one that exists, the files are
 * replaced one after the other, the weights first; a crash between the two leaves the new weights under the
 * old description, which for the same network is the new model.
 *
 * @param dir is made when it does not exist
 * @throws ModelError two weights have one name, which tfjs would save but never load
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
      await mkdir(dirname(target), { recursive: true });
      const fresh = await mkdtemp(join(dirname(target), `.${basename(target)}-`));
      try {
        await writeDurably(join(fresh, 'weights.bin'), weights);
        await writeDurably(join(fresh, 'model.json'), JSON.stringify(json));
        await moveInto(fresh, target);
      } finally {
        await rm(fresh, { recursive: true, force: true });
      }
      return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
}

async function moveInto(fresh: string, target: string): Promise<void> {
  const exists = await stat(target).then(
    () => true,
    () => false,
  );
  if (!exists) return rename(fresh, target);
  for (const name of ['weights.bin', 'model.json']) await rename(join(fresh, name), join(target, name));
}

async function writeDurably(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
