import { render } from 'preact';
import { App } from './app.tsx';
import { LocalEngine } from './local-engine.ts';

// The static page of `npm run explore -- --export`: computes here, and asks nobody but the host that it lies on.

const root = document.querySelector('#page')!;
try {
  const engine = await LocalEngine.open();
  root.textContent = '';
  // For the console of whoever wants the numbers: `await explored.look(explored.image, { kind: 'scores' })`.
  const image = engine.gallery[0] && (await engine.open(engine.gallery[0].id));
  Object.assign(globalThis, { explored: { image, look: engine.look.bind(engine) } });
  render(<App engine={engine} first={engine.gallery[0]?.id} />, root);
} catch (problem) {
  root.innerHTML = '<p class="trouble" role="alert"></p>';
  root.firstElementChild!.textContent = (problem as Error).message;
}
