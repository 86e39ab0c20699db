import { render } from 'preact';
import { App } from './app.tsx';
import { RemoteEngine } from './remote-engine.ts';

// The page of `npm run explore`: asks the server that it came from, and nobody else.

const root = document.querySelector('#page')!;
try {
  const key = new URLSearchParams(location.search).get('key') ?? '';
  const engine = await RemoteEngine.open(key);
  root.textContent = '';
  render(<App engine={engine} first={engine.gallery[0]?.id} />, root);
} catch (problem) {
  root.innerHTML = '<p class="trouble" role="alert"></p>';
  root.firstElementChild!.textContent = (problem as Error).message;
}
