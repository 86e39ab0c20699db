import { facts, type Html, html } from '../pictures/index.ts';
import type { StoredEvaluation } from './evaluation-files.ts';
import type { RunFiles } from './run-files.ts';

/** What the numbers were made with: the config as text, versions, engine, machine and command. */
export function provenanceSection(run: RunFiles, evaluations: readonly StoredEvaluation[]): Html {
  const environments = [
    ...(run.environment ? [{ title: 'Training', environment: run.environment }] : []),
    ...evaluations.map(({ result }) => ({
      title: `Evaluation on ${result.split}`,
      environment: result.environment,
    })),
  ];
  const settings = evaluations.map(
    ({ result }) =>
      html`<h3>Settings of the evaluation on ${result.split}</h3>${facts(flattened(result.settings))}`,
  );
  return html`<section id="config" aria-labelledby="config-heading">
<h2 id="config-heading">Config</h2>
${
  run.config === undefined
    ? html`<p>No <code>config.yaml</code>: these are results of a model folder.</p>`
    : html`<p>The experiment with every default filled in, as in the <code>config.yaml</code> of the run; it can be trained again.</p>
<details><summary>config.yaml</summary><pre tabindex="0">${run.config}</pre></details>`
}
${settings.length > 0 && html`<details><summary>Settings of the evaluation</summary>${settings}</details>`}
</section>
<section id="versions" aria-labelledby="versions-heading">
<h2 id="versions-heading">Versions</h2>
${environments.map(({ title, environment }) => html`<h3>${title}</h3>${facts(flattened(environment))}`)}
${environments.length === 0 && html`<p>Not recorded.</p>`}
</section>`;
}

/** Keys and values of nested objects, `outer inner`. */
function flattened(value: unknown, prefix = ''): (readonly [string, string])[] {
  if (Array.isArray(value)) return [[prefix, value.join(', ') || 'none']];
  if (typeof value !== 'object' || value === null) return [[prefix, value === null ? 'none' : String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flattened(inner, prefix ? `${prefix} ${key}` : key));
}
