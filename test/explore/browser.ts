import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';

/** A Chromium of this machine: `CHROMIUM`, or where Debian and macOS have it. */
export const executable = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path));

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable!,
    // WebGL without a GPU is drawn by SwiftShader, which newer Chromiums want to be asked for.
    args: [
      '--no-sandbox',
      '--enable-unsafe-swiftshader',
      '--use-angle=swiftshader',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Everything that a page complains of, and every address that it asks but that of its own server. */
export function complaints(page: Page, own: string): string[] {
  const said: string[] = [];
  page.on('pageerror', (error) => said.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
  page.on('request', (request) => {
    const address = request.url();
    if (!address.startsWith(own) && !/^(data|blob):/.test(address)) said.push(`asks ${address}`);
  });
  return said;
}

/** The pixels of a canvas, [height · width · 3]. */
export async function pixelsOf(page: Page, selector: string) {
  return (await page.evaluate(`(() => {
    const canvas = document.querySelector(${JSON.stringify(selector)});
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const rgb = [];
    for (let i = 0; i < data.length; i += 4) rgb.push(data[i], data[i + 1], data[i + 2]);
    return { width: canvas.width, height: canvas.height, rgb };
  })()`)) as { width: number; height: number; rgb: number[] };
}

/** What axe-core finds serious or critical, a line each. */
export async function seriousFaults(page: Page): Promise<string[]> {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // Evaluated and not added as a script: the policy of the page refuses that, as it should.
  await page.evaluate(axe);
  const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/**
 * Waits until an expression is true in the page. Playwright's own way evaluates in the page, which its policy refuses.
 */
export async function until(page: Page, expression: string, tries = 600): Promise<void> {
  for (let i = 0; i < tries; i++) {
    if (await page.evaluate(expression)) return;
    await page.waitForTimeout(100);
  }
  throw new Error(`never true: ${expression}`);
}
