import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { slimRuntime } from '../../src/engine/index.ts';
import { EngineError } from '../../src/errors/index.ts';
import { files } from '../data/import-files.ts';

test('the libraries of other systems go, those of this one and the code stay', async (t) => {
  const folder = files(t, {
    'dist/index.js': 'code',
    'bin/napi-v6/linux/x64/a.so': 'own',
    'bin/napi-v6/linux/arm64/a.so': '12345',
    'bin/napi-v6/darwin/arm64/a.dylib': '123',
  });
  const here = { platform: 'linux', arch: 'x64' };
  const { removed, bytes } = await slimRuntime(folder, here);
  t.deepEqual([removed.sort(), bytes], [['darwin/arm64', 'linux/arm64'], 8]);
  t.true(existsSync(join(folder, 'bin/napi-v6/linux/x64/a.so')) && existsSync(join(folder, 'dist/index.js')));
  t.false(existsSync(join(folder, 'bin/napi-v6/darwin/arm64')));
  t.deepEqual(await slimRuntime(folder, here), { removed: [], bytes: 0 });
  await t.throwsAsync(slimRuntime(folder, { platform: 'win32', arch: 'x64' }), {
    instanceOf: EngineError,
    message: /no libraries for win32\/x64; nothing is deleted$/,
  });
  t.true(existsSync(join(folder, 'bin/napi-v6/linux/x64/a.so')));
});
