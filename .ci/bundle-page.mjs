// The last step of `npm run build`: the page of `explore` as two scripts and a style in dist/explore/page.

import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundlePage } from '../dist/explore/index.js';
import { pageStyle } from '../dist/pictures/index.js';

const source = fileURLToPath(new URL('../page/', import.meta.url));
const target = new URL('../dist/explore/page/', import.meta.url);
mkdirSync(target, { recursive: true });
for (const name of ['main', 'site']) {
  writeFileSync(new URL(`${name}.js`, target), await bundlePage(name, source, true));
}
const style = await readFile(new URL('../page/page.css', import.meta.url), 'utf8');
writeFileSync(new URL('page.css', target), `${pageStyle}\n${style}`);
