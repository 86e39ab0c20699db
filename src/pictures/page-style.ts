/** The style sheet of the pages: colours for light, dark and paper; one column on a phone, two charts side by side above. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #fff; --text: #1b1f24; --quiet: #57606a; --edge: #d0d7de; --soft: #f3f5f7; --link: #0b5cad;
  --line-1: #0072b2; --line-2: #d55e00; --line-3: #009e73; --line-4: #cc79a7; --line-5: #e69f00; --line-6: #56b4e9;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --text: #e4e8ec; --quiet: #9aa4af; --edge: #3a424b; --soft: #20252b; --link: #7cc0ff;
    --line-1: #56b4e9; --line-2: #e69f00; --line-3: #00b384; --line-4: #d98fb8; --line-5: #f0e442; --line-6: #e8722a;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 3.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 72rem; padding: 0 1rem 3rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
a { color: var(--link); }
h1 { margin: 1.5rem 0 .25rem; line-height: 1.2; }
h2 { margin: 3rem 0 .75rem; padding-top: .75rem; border-top: 2px solid var(--edge); }
main > section:first-child h2 { margin-top: 1rem; border-top: 0; }
h3 { margin: 2rem 0 .5rem; }
h4 { margin: 1.5rem 0 0; }
h4 + p { margin: 0 0 .5rem; color: var(--quiet); }
p { max-width: 46rem; }
nav { position: sticky; top: 0; z-index: 1; background: var(--page); border-bottom: 1px solid var(--edge); }
nav ul { display: flex; gap: .25rem 1.25rem; margin: 0; padding: .6rem 0; list-style: none; overflow-x: auto; white-space: nowrap; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
small, .note, figcaption { font-size: .85rem; color: var(--quiet); }
.note { border-left: 4px solid var(--line-5); padding-left: .75rem; }
dl { margin: .5rem 0; }
dl div { display: flex; gap: .25rem 1rem; padding: .15rem 0; }
dt { flex: 0 0 8.5rem; color: var(--quiet); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.scrolls { overflow-x: auto; margin: 1rem 0; max-width: 100%; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: .85rem; color: var(--quiet); padding-bottom: .35rem; }
caption span { display: inline-block; position: sticky; left: 0; max-width: calc(100vw - 2rem); }
th, td { padding: .35rem .75rem; border-bottom: 1px solid var(--edge); text-align: right; vertical-align: top; }
thead th { border-bottom: 2px solid var(--edge); vertical-align: bottom; }
thead th small { display: block; font-weight: normal; }
th[scope=row], thead th:first-child { position: sticky; left: 0; background: var(--page); text-align: left; }
tbody th { font-weight: 500; }
td small, .about { display: block; font-weight: normal; white-space: nowrap; }
.best data { font-weight: 700; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 1rem 2rem; }
figure { margin: 0; }
.chart { max-width: 28rem; }
.chart figcaption { font-weight: 600; color: var(--text); }
.chart svg { display: block; width: 100%; height: auto; }
img { max-width: 100%; height: auto; }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--link); padding: .25rem 0; }
pre { background: var(--soft); padding: 1rem; overflow-x: auto; font-size: .85rem; line-height: 1.4; }
.filter { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; padding: .75rem; background: var(--soft); }
.filter[hidden], .card[hidden] { display: none; }
select { font: inherit; max-width: 14rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem; margin: 0; padding: 0; list-style: none; }
.gallery.strips { grid-template-columns: minmax(0, 1fr); }
.strips .tiles { grid-template-columns: minmax(0, 48rem); }
.card { border: 1px solid var(--edge); padding: .75rem; break-inside: avoid; }
.card p { margin: 0 0 .5rem; }
.card .id { display: block; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: .5rem; }
.tiles svg { display: block; width: 100%; height: auto; }
.tiles figcaption { line-height: 1.3; padding-top: .2rem; }
.tiles figcaption small { display: block; }
rect.rim, rect.true, rect.predicted { fill: none; vector-effect: non-scaling-stroke; }
rect.rim { stroke: #000; stroke-width: 4px; }
rect.true { stroke: #56b4e9; stroke-width: 2px; }
rect.predicted { stroke: #fff; stroke-width: 2px; stroke-dasharray: 6 3; }
.sample { vertical-align: -2px; }
footer { margin-top: 3rem; border-top: 1px solid var(--edge); color: var(--quiet); font-size: .85rem; }
@media (max-width: 40rem) {
  dl div { display: block; }
  th, td { padding: .3rem .5rem; }
  th[scope=row], thead th:first-child { min-width: 9rem; max-width: 10rem; }
  .about { white-space: normal; }
}
@media print {
  :root { color-scheme: light; }
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .filter { display: none; }
  a { color: inherit; text-decoration: none; }
  h2, h3, h4, caption, summary { break-after: avoid; }
  figure, tr, .card { break-inside: avoid; }
  .scrolls, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  .charts { grid-template-columns: 1fr 1fr; }
  th, td { padding: .2rem .4rem; }
  .gallery { grid-template-columns: repeat(2, 1fr); }
  .tiles { grid-template-columns: repeat(auto-fill, minmax(2.5cm, 1fr)); }
  details::details-content { content-visibility: visible; block-size: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

/**
 * What a page does with a script: filter its gallery, open what is folded before it is printed. Everything can be read
 * without.
 */
export const script = `
for (const form of document.querySelectorAll('.filter')) {
  const section = form.closest('.gallery-section');
  const cards = [...section.querySelectorAll('.card')];
  const apply = () => {
    const wanted = Object.fromEntries(new FormData(form));
    for (const card of cards)
      card.hidden = Object.entries(wanted).some(([key, value]) => value !== '' && card.dataset[key] !== value);
    const shown = cards.filter((card) => !card.hidden).length;
    form.querySelector('output').textContent = shown + ' of ' + cards.length + ' shown';
  };
  form.addEventListener('change', apply);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.hidden = false;
  apply();
}
let folded = [];
addEventListener('beforeprint', () => {
  folded = [...document.querySelectorAll('details:not([open])')];
  for (const details of folded) details.open = true;
});
addEventListener('afterprint', () => {
  for (const details of folded) details.open = false;
});
`;
