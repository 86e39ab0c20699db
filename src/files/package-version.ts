import { existsSync, readFileSync } from 'node:fs';

/** The version of this package: from src/ in a checkout, from dist/ in an installed package. */
export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url);
  if (!existsSync(file)) return 'unknown';
  const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
  return (name === 'tfjs-gain' && version) || 'unknown';
}
