import { fileURLToPath } from 'node:url';
import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { bundlePage, exploreApp } from '../../src/explore/server/index.ts';
import type { SessionJob, SessionView } from '../../src/explore/session/index.ts';

const key = 'the-key-of-this-test';
const host = '127.0.0.1:7333';

const view = {
  network: { name: 'net <b>', classes: ['boat'], imageSize: [4, 4] },
  engine: 'cpu',
  notes: [],
  run: null,
  runDir: '/home/ann/secret/run',
  data: { name: 'boats', dir: '/home/ann/secret/boats', multiLabel: false, splits: [], trained: [] },
  fit: 'squash',
  files: [],
} as unknown as SessionView;

function server(answer: (job: SessionJob) => unknown = () => ({})) {
  const asked: SessionJob[] = [];
  const said: string[] = [];
  const app = exploreApp({
    key,
    hosts: new Set([host, 'localhost:7333']),
    session: {
      async ask(job) {
        asked.push(job);
        answer(job);
        return new Uint8Array(new ArrayBuffer(4));
      },
    },
    view,
    page: { script: 'js', style: 'css' },
    scans: null,
    masks: null,
    learning: null,
    who: 'ann',
    log: (line) => said.push(line),
  });
  const ask = (path: string, options: RequestInit & { headers?: Record<string, string> } = {}) =>
    app.request(`http://${host}${path}`, {
      ...options,
      headers: { host, 'x-explore-key': key, ...options.headers },
    });
  return { ask, asked, said };
}

test('the page is given out with its key alone, and may load from nowhere else', async (t) => {
  const { ask } = server();
  const page = await ask(`/?key=${key}`, { headers: { 'x-explore-key': '' } });
  t.is(page.status, 200);
  t.regex(
    page.headers.get('content-security-policy')!,
    /^default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  t.is(page.headers.get('cache-control'), 'no-store');
  t.is(page.headers.get('x-content-type-options'), 'nosniff');
  const text = await page.text();
  t.true(text.includes('<title>net &#60;b&#62;: explore</title>'));
  t.false(text.includes(key));
  t.false(/style=|<style|<script>/.test(text), 'nothing stands in the page that its policy would refuse');
  for (const path of ['/', '/?key=', '/?key=the-key-of-this-tesT']) t.is((await ask(path)).status, 403, path);
});

test('another origin, another name and a wrong key are refused before anything is read', async (t) => {
  const { ask, asked } = server();
  const body = JSON.stringify({ kind: 'list', split: 'val', from: 0, count: 1 });
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `https://${host}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { host: 'evil.example:7333' },
    { host: '127.0.0.1:7334' },
    { 'x-explore-key': 'wrong' },
    { 'x-explore-key': '' },
  ]) {
    t.is((await ask('/api/ask', { method: 'POST', body, headers })).status, 403, JSON.stringify(headers));
    t.is((await ask('/api/view', { headers })).status, 403, JSON.stringify(headers));
  }
  t.deepEqual(asked, []);
  const own = { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
  t.is((await ask('/api/ask', { method: 'POST', body, headers: own })).status, 200);
});

test('no path leads to a file, and what the page is told names no folder', async (t) => {
  const { ask, asked } = server();
  for (const path of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/page.js/../../x',
    '/api/masks.zip/..',
    '/etc/passwd',
  ]) {
    const answer = await ask(path);
    t.true([403, 404, 422].includes(answer.status), `${path}: ${answer.status}`);
  }
  const told = await (await ask('/api/view')).text();
  t.false(told.includes('secret'));
  t.true(told.includes('"who":"ann"'));
  t.deepEqual(asked, []);
});

test('a message that is none, or too much, is answered with a sentence', async (t) => {
  const { ask, asked } = server();
  const post = (body: string, path = '/api/ask') => ask(path, { method: 'POST', body });
  for (const [body, sentence] of [
    ['{', 'message: is not JSON'],
    ['{"kind":"upload"}', /^kind: /],
    ['{"kind":"adopt","network":1,"run":"/etc"}', /^kind: /],
    ['{"kind":"list","split":"val","from":-1,"count":1}', /^from: /],
    ['{"kind":"list","split":"val","from":0,"count":1,"path":"../x"}', /path/],
    ['{"kind":"thumbnails","images":[],"side":64}', /^images: /],
  ] as const) {
    const answer = await post(body);
    t.is(answer.status, 422, body);
    const { error } = (await answer.json()) as { error: string };
    if (typeof sentence === 'string') t.is(error, sentence);
    else t.regex(error, sentence);
  }
  t.is((await post(`"${'x'.repeat(2 ** 20)}"`)).status, 413);
  t.is((await ask('/api/images', { method: 'POST', body: new Uint8Array(33 * 2 ** 20) })).status, 413);
  t.is((await post('{}', '/api/scan')).status, 422);
  t.deepEqual(asked, []);
});

test('a name of an image stays a name', async (t) => {
  const { ask, asked } = server();
  const answer = await ask(`/api/images?name=${encodeURIComponent('../../etc/<b>passwd.png')}`, {
    method: 'POST',
    body: new Uint8Array([1]),
  });
  t.is(answer.status, 200);
  const [job] = asked as [Extract<SessionJob, { kind: 'upload' }>];
  t.false(/[/<>\\]/.test(job.name), job.name);
});

test('a typed error reaches the page as its sentence; another one is for the terminal', async (t) => {
  const typed = server(() => {
    throw new UsageError('there is no image "x"');
  });
  const body = JSON.stringify({ kind: 'image', image: 'x' });
  const answer = await typed.ask('/api/ask', { method: 'POST', body });
  t.deepEqual([answer.status, await answer.json()], [422, { error: 'there is no image "x"' }]);
  const broken = server(() => {
    throw new TypeError('secret of /home/ann');
  });
  const other = await broken.ask('/api/ask', { method: 'POST', body });
  t.is(other.status, 500);
  t.false((await other.text()).includes('secret'));
  t.regex(broken.said[0]!, /TypeError: secret/);
});

test('both pages are bundled without anything of Node', async (t) => {
  const folder = fileURLToPath(new URL('../../page', import.meta.url));
  for (const name of ['main', 'site'] as const) {
    // What a browser does not have cannot be resolved, and is an error.
    const text = await bundlePage(name, folder, true);
    t.true(text.length > 50_000, name);
    t.deepEqual(text.match(/from"node:|require\("/g), null, name);
  }
});
