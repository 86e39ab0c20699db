import { type Html, html } from './html.ts';

/** A table that scrolls by itself where the page is narrow. Rows are `<tr>`; the first column names them. */
export function table(caption: string, columns: readonly (Html | string)[], rows: readonly Html[]): Html {
  return html`<div class="scrolls" role="region" aria-label="${caption}" tabindex="0"><table>
<caption><span>${caption}</span></caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`${row}\n`)}</tbody>
</table></div>`;
}

/** Names and their values. */
export function facts(entries: readonly (readonly [name: string, value: Html | string])[]): Html {
  return html`<dl>${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
