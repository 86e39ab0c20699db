import { existsSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EngineError } from '../errors/index.ts';

/** Where the npm package `onnxruntime-node` lies, whose libraries for all systems come in one package. */
export function runtimeFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch (cause) {
    throw new EngineError('onnxruntime-node is not installed', { cause });
  }
}

/**
 * Deletes the libraries of other systems than this one from an installed `onnxruntime-node`, `bin/napi-vN/SYSTEM/PROCESSOR`.
 *
 * @returns what was deleted, as `darwin/arm64`, and its bytes
 * @throws {EngineError} when there are none for this system, so that nothing would be left
 */
export async function slimRuntime(
  folder: string,
  { platform, arch }: { platform: string; arch: string } = process,
): Promise<{ removed: string[]; bytes: number }> {
  const bin = join(folder, 'bin');
  const versions = existsSync(bin) ? readdirSync(bin).filter((name) => name.startsWith('napi-v')) : [];
  const parts = versions.flatMap((version) =>
    foldersIn(join(bin, version)).flatMap((system) =>
      foldersIn(join(bin, version, system)).map((processor) => ({ version, name: `${system}/${processor}` })),
    ),
  );
  const own = `${platform}/${arch}`;
  if (!parts.some(({ name }) => name === own)) {
    throw new EngineError(`${bin}: no libraries for ${own}; nothing is deleted`);
  }
  const others = parts.filter(({ name }) => name !== own);
  let bytes = 0;
  for (const { version, name } of others) {
    const part = join(bin, version, name);
    bytes += bytesIn(part);
    await rm(part, { recursive: true });
  }
  return { removed: others.map(({ name }) => name), bytes };
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true }) as string[];
  return files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}
