// Makes the commit and the tag of a release: `npm run release`, on a clean main whose tests pass. Pushing the tag lets
// .github/workflows/release.yml publish the package with provenance.
//
// The version follows from the changesets (.changeset/*.md). The text of the release is what stands under "Unreleased" in
// CHANGELOG.md, which becomes the section of the version.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const run = (command, ...args) => execFileSync(command, args, { stdio: 'inherit' });
const ask = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' }).trim();
const stop = (reason) => {
  process.stderr.write(`no release: ${reason}\n`);
  process.exit(2);
};

if (ask('git', 'status', '--porcelain') !== '') stop('there are changes that are not committed');
const changesets = readdirSync('.changeset').filter((file) => file.endsWith('.md') && file !== 'README.md');
if (changesets.length === 0) stop('there is no changeset; `npx changeset` makes one');
const before = readFileSync('CHANGELOG.md', 'utf8');
const [, words] = /^## \[Unreleased\]\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(before) ?? [];
if (!words?.trim()) stop('CHANGELOG.md has nothing under "Unreleased"');

run('npx', 'changeset', 'version');
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
run('npm', 'run', 'lock');
const date = new Date().toISOString().slice(0, 10);
writeFileSync(
  'CHANGELOG.md',
  before.replace('## [Unreleased]\n', `## [Unreleased]\n\n## [${version}] - ${date}\n`),
);
const citation = readFileSync('CITATION.cff', 'utf8').replace(/^version: .*$/m, `version: ${version}`);
const dated = /^date-released:/m.test(citation)
  ? citation.replace(/^date-released: .*$/m, `date-released: ${date}`)
  : citation.replace(/^(version: .*)$/m, `$1\ndate-released: ${date}`);
writeFileSync('CITATION.cff', dated);

run('git', 'add', '--all');
run('git', 'commit', '--message', `Release ${version}`);
run('git', 'tag', '--annotate', `v${version}`, '--message', `tfjs-gain ${version}`);
process.stdout.write(`\nv${version} is made. To publish it: git push --follow-tags\n`);
