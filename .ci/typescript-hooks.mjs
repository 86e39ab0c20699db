// The hooks of typescript.mjs, in the thread that Node runs them in.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = fileURLToPath(new URL('../node_modules/.cache/typescript/', import.meta.url));
const endings = new Set(['.ts', '.mts', '.tsx']);

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    // Someone else's module may name what a file will be once it is compiled: ./a.js for a.ts.
    const named = error.code === 'ERR_MODULE_NOT_FOUND' && /^\.{0,2}\/.*\.m?js$/.test(specifier);
    const url = named && new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
    if (!url || !existsSync(url)) throw error;
    return { url: url.href, format: 'module', shortCircuit: true };
  }
}

export async function load(url, context, next) {
  const path = url.startsWith('file:') ? fileURLToPath(url) : '';
  if (!endings.has(extname(path))) return next(url, context);
  return { format: 'module', source: await javaScriptOf(path), shortCircuit: true };
}

async function javaScriptOf(path) {
  const source = readFileSync(path);
  const file = `${cache}${createHash('sha256').update(extname(path)).update(source).digest('hex')}.js`;
  if (existsSync(file)) return readFileSync(file);
  const blanked = extname(path) === '.tsx' ? undefined : await withoutTypes(source.toString());
  // Where a module has more than types to take away, or node_modules is older than the need for ts-blank-space.
  if (blanked === undefined) return transpiled(path, source.toString());
  try {
    mkdirSync(cache, { recursive: true });
    writeFileSync(`${file}.${process.pid}`, blanked);
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // A disk that takes no more: without a cache, then.
  }
  return blanked;
}

async function withoutTypes(source) {
  const { default: blankSpace } = await import('ts-blank-space').catch(() => ({}));
  let more = blankSpace === undefined;
  const code = blankSpace?.(source, () => {
    more = true;
  });
  return more ? undefined : code;
}

async function transpiled(path, source) {
  const { transform } = await import('esbuild');
  const loader = extname(path) === '.tsx' ? 'tsx' : 'ts';
  return (await transform(source, { loader, format: 'esm', target: 'node20', sourcefile: path })).code;
}
