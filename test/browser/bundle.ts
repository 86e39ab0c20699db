import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What esbuild makes of a module for browsers. */
export interface Bundle {
  readonly text: string;
  /** Modules that it leaves to be loaded from elsewhere. */
  readonly external: readonly string[];
  /** Packages whose files are in it. */
  readonly packages: readonly string[];
}

/**
 * Bundles a module of this repository as a browser would get it.
 *
 * @param entry path from the root of the repository
 * @param options.format `esm`, or `iife` for a script
 * @param options.external modules that are not looked into
 */
export async function bundleForBrowsers(
  entry: string,
  { format = 'esm', external = [] }: { format?: 'esm' | 'iife'; external?: string[] } = {},
): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    platform: 'browser',
    target: 'es2023',
    format,
    external,
    legalComments: 'none',
    logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  const packages = Object.keys(metafile.inputs).flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
  );
  return {
    text: outputFiles[0]!.text,
    external: output!.imports.filter(({ external }) => external).map(({ path }) => path),
    packages: [...new Set(packages)].sort(),
  };
}
