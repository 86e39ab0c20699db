import { createHash } from 'node:crypto';
import { type Html, html, markup } from './html.ts';
import { script, style } from './page-style.ts';

export interface Page {
  readonly title: string;
  /** Below the title. */
  readonly lead: Html;
  readonly links: readonly { readonly id: string; readonly title: string }[];
  readonly sections: readonly Html[];
  readonly footer: string;
  /** Rules that the page needs beyond the shared style sheet. */
  readonly ownStyle?: string;
}

/**
 * The frame of the page. Its policy forbids it to load anything, so that it can be opened wherever it was sent, and lets no
 * style or script in but its own two, by their hashes.
 */
export function renderPage({ title, lead, links, sections, footer, ownStyle = '' }: Page): string {
  const rules = style + ownStyle;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src '${hashOf(rules)}'; script-src '${hashOf(script)}'; base-uri 'none'; form-action 'none'">
<title>${title}</title>
<style>${markup(rules)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${lead}
</header>
<nav aria-label="Sections"><ul>${links.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<main>
${sections}
</main>
<footer><p>${footer}</p></footer>
<script>${markup(script)}</script>
</body>
</html>
`.text;
}

/** As a Content-Security-Policy names what stands in a page. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
