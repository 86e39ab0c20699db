import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parse } from 'yaml';
import { parseConfig } from '../src/config/index.ts';
import { mappingSchema } from '../src/models/torch/weight-mapping.ts';
import { parseSweep } from '../src/sweep/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

async function pages(): Promise<{ file: string; text: string }[]> {
  const docs = (await readdir(join(root, 'docs'))).filter((file) => file.endsWith('.md'));
  const files = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.map((file) => `docs/${file}`)];
  return Promise.all(files.map(async (file) => ({ file, text: await readFile(join(root, file), 'utf8') })));
}

/** The anchor that a heading has in a rendered page. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replace(/\s/g, '-');

test('links within the repository lead somewhere, headings included', async (t) => {
  const all = await pages();
  const broken = all.flatMap(({ file, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap(([, link]) => {
      const [path, heading] = link!.split('#') as [string, string?];
      const target = path === '' ? join(root, file) : join(root, dirname(file), path);
      if (!existsSync(target)) return [`${file}: ${link}`];
      const page = all.find((other) => join(root, other.file) === target);
      if (!heading || !page) return [];
      const headings = [...page.text.matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchor(title!));
      return headings.includes(heading) ? [] : [`${file}: ${link}: no such heading`];
    }),
  );
  t.deepEqual(broken, []);
});

test('commands name scripts that exist', async (t) => {
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const unknown = (await pages()).flatMap(({ file, text }) =>
    [...text.matchAll(/npm run (?:-s |--silent )?([\w:-]+)/g)]
      .filter(([, script]) => !(script! in scripts))
      .map(([command]) => `${file}: ${command}`),
  );
  t.deepEqual(unknown, []);
});

test('documents that the code and the docs name are in the repository', async (t) => {
  const folders = ['src', 'test', 'bench', 'examples', 'configs', '.ci', '.github', 'docs'];
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(root, folder), { recursive: true })).map((file) => join(folder, file)),
    ),
  );
  const texts = files
    .flat()
    .concat('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md')
    .filter((file) => /\.(ts|mjs|py|ya?ml|md)$|^\.ci\/run$/.test(file));
  const lost: string[] = [];
  for (const file of texts) {
    const all = await readFile(join(root, file), 'utf8');
    // Of code only the comments: strings may name any file.
    const text = /\.m?ts$/.test(file) ? (all.match(/^\s*(?:\/?\*|\/\/).*$/gm) ?? []).join('\n') : all;
    for (const [, name] of text.matchAll(/(?<![\w./*$}-])((?:[\w.-]+\/)*[\w-]+\.md)\b/g)) {
      const places = [join(root, dirname(file), name!), join(root, name!), join(root, 'docs', name!)];
      if (!places.some(existsSync) && !written.has(name!)) lost.push(`${file}: ${name}`);
    }
  }
  t.deepEqual(lost, []);
});

/** Documents that programs write. */
const written = new Set(['table.md', 'out/table.md']);

test('the configs and the examples of configs are valid', async (t) => {
  const configs = (await readdir(join(root, 'configs'))).filter((file) => file.endsWith('.yaml'));
  for (const file of configs) {
    const text = await readFile(join(root, 'configs', file), 'utf8');
    t.notThrows(() => parseConfig(text, file), file);
  }
  for (const { file, text } of await pages()) {
    for (const [, yaml] of text.matchAll(/```yaml\n([\s\S]*?)```/g)) {
      if (/^(base|points|halving|launcher|slurm):/m.test(yaml!)) {
        const whole = /^base:/m.test(yaml!) ? yaml! : `base: gain.yaml\nseeds: [1]\n${yaml}`;
        t.notThrows(() => parseSweep(whole, file), file);
        continue;
      }
      if (/^layers:/m.test(yaml!)) {
        t.true(mappingSchema.safeParse(parse(yaml!)).success, file);
        continue;
      }
      t.notThrows(() => parseConfig(/^name:/m.test(yaml!) ? yaml! : `name: example\n${yaml}`, file), file);
    }
  }
});

test('npm ci runs no install script: the lock file marks no package', async (t) => {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const marked = Object.entries<{ hasInstallScript?: boolean }>(packages).filter(
    ([, entry]) => entry.hasInstallScript,
  );
  t.deepEqual(marked, [], '`npm run lock` takes the marks out');
});
