import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { RunError } from '../../errors/index.ts';
import { pageStyle } from '../../pictures/index.ts';

/** The page, ready for a browser. */
export interface PageFiles {
  readonly script: string;
  readonly style: string;
}

/** `main` is served by `npm run explore`, `site` computes in the browser of whoever visits it. */
export type PageName = 'main' | 'site';

/**
 * The script and the style of the page: from `dist`, where the package was built, else bundled now from `page/` of the
 * checkout.
 *
 * esbuild alone, and no Vite: there is one entry, no plugin and no development server, and esbuild is here anyway; a
 * checkout bundles in a few tenths of a second.
 */
export async function pageFiles(name: PageName): Promise<PageFiles> {
  const built = new URL(`../page/${name}.js`, import.meta.url);
  if (existsSync(built)) {
    const style = await readFile(new URL('../page/page.css', import.meta.url), 'utf8');
    return { script: await readFile(built, 'utf8'), style };
  }
  const source = new URL('../../../page/', import.meta.url);
  if (!existsSync(source)) {
    throw new RunError(`${fileURLToPath(built)}: the page is missing; npm run build makes it`);
  }
  const style = `${pageStyle}\n${await readFile(new URL('page.css', source), 'utf8')}`;
  return { script: await bundlePage(name, fileURLToPath(source)), style };
}

/** @param folder `page/` of the checkout */
export async function bundlePage(name: PageName, folder: string, minify = false): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: [`${name}.tsx`],
    bundle: true,
    write: false,
    minify,
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // What the methods use of Node is a pause; everything else of Node would fail here, and shall.
    alias: { 'node:timers/promises': `${folder}/pause.ts` },
    legalComments: 'eof',
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
}

/** The document that loads them. */
export function pageDocument(title: string): string {
  const name = title.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name}</title>
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page.css">
</head>
<body>
<div id="page"><p class="loading" role="status">Opening…</p></div>
<script type="module" src="page.js"></script>
</body>
</html>
`;
}

/** Four tiles of a map. */
export const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#440154" d="M0 0h8v8H0z"/>' +
  '<path fill="#31688e" d="M8 0h8v8H8z"/><path fill="#35b779" d="M0 8h8v8H0z"/><path fill="#fde725" d="M8 8h8v8H8z"/></svg>';
