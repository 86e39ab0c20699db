// The last step of `npm run build`: the page of `explore` as two scripts and a style in dist/explore/page. For another
// folder of compiled sources that is named: there.

import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const compiled = pathToFileURL(`${resolve(process.argv[2] ?? 'dist')}/`);
const { bundlePage } = await import(new URL('explore/index.js', compiled).href);
const { pageStyle } = await import(new URL('pictures/index.js', compiled).href);
const source = fileURLToPath(new URL('../page/', import.meta.url));
const target = new URL('explore/page/', compiled);
mkdirSync(target, { recursive: true });
for (const name of ['main', 'site']) {
  writeFileSync(new URL(`${name}.js`, target), await bundlePage(name, source, true));
}
const style = await readFile(new URL('../page/page.css', import.meta.url), 'utf8');
writeFileSync(new URL('page.css', target), `${pageStyle}\n${style}`);
