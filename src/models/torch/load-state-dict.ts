import { readFile } from 'node:fs/promises';
import { ModelError } from '../../errors/index.ts';
import { readSafetensors } from './safetensors.ts';
import type { StateDict } from './state-dict.ts';
import { readTorchArchive } from './torch-archive.ts';

/** Endings of files that hold weights of PyTorch. */
export const torchEndings = ['.safetensors', '.pth', '.pt', '.bin'] as const;

/** Put before every name by DataParallel, torch.compile, Lightning and others. */
const prefixes = ['module.', '_orig_mod.', 'model.', 'net.', 'backbone.', 'encoder.'];

/**
 * Reads the weights of a PyTorch model from `.safetensors`, or from `.pth`, `.pt` and `.bin` of `torch.save`.
 * Prefixes that wrappers put before every name (`module.`, `_orig_mod.`, …) are taken off.
 *
 * @throws {ModelError} when the file is missing, damaged, or more than a state dict
 */
export async function loadStateDict(file: string): Promise<StateDict> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`${file}: ${cause.code === 'ENOENT' ? 'this file is missing' : cause.message}`, {
      cause,
    });
  });
  let dict = file.endsWith('.safetensors') ? readSafetensors(file, bytes) : readTorchArchive(file, bytes);
  for (;;) {
    const names = [...dict.keys()];
    const prefix = prefixes.find((one) => names.every((name) => name.startsWith(one)));
    if (prefix === undefined) return dict;
    dict = new Map([...dict].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  }
}
