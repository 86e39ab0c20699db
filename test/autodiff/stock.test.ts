import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { opTable } from './op-table.ts';
import {
  derivatives,
  type Order,
  type ReferenceCase,
  readFixture,
  relativeError,
  startTestEngine,
} from './reference.ts';

/**
 * What stock tfjs does with the same table, measured before anything is replaced, and the table of docs/autodiff.md
 * that is made of it. `UPDATE_DOCS=1 npx ava test/autodiff/stock.test.ts` writes the table.
 */
type Verdict = 'right' | 'wrong' | 'throws';

const DOCS = new URL('../../docs/autodiff.md', import.meta.url);
const TABLE = /(<!-- table: .*?-->\n)(.*?)(<!-- \/table -->)/s;
const { cases, versions } = readFixture<{
  cases: Record<string, ReferenceCase>;
  versions: { torch: string };
}>('autodiff.json');

function measure(name: string, order: Order): { verdict: Verdict; values: number[][] } {
  const reference = cases[name]!;
  try {
    const values = derivatives(opTable[name]!, reference.inputs, order);
    return { values, verdict: relativeError(values, reference[order] ?? []) < 1e-4 ? 'right' : 'wrong' };
  } catch {
    return { values: [], verdict: 'throws' };
  }
}

test.before(async () => {
  await startTestEngine();
});

/** 'right', or 'right in 3, wrong in 5' where the configurations differ. */
const summary = (verdicts: Verdict[]): string => {
  const kinds = [...new Set(verdicts)];
  if (kinds.length === 1) return kinds[0]!;
  return kinds
    .map((kind) => `${kind} in ${verdicts.filter((verdict) => verdict === kind).length}`)
    .join(', ');
};

/** Rows of op | configurations | stock, first and second order | tested here against PyTorch. */
function docsTable(stock: Map<string, { first: Verdict; second: Verdict }>): string {
  const ops = new Set([...stock.keys()].map((name) => name.split(': ')[0]!));
  const rows = [...ops].map((op) => {
    const names = [...stock.keys()].filter((name) => name.split(': ')[0] === op);
    const configurations = names.map((name) => name.split(': ')[1]).filter((text) => text !== undefined);
    const orders = names.some((name) => cases[name]!.third) ? '1, 2, 3' : '1, 2';
    const verdicts = names.map((name) => stock.get(name)!);
    return [
      op,
      configurations.join('; '),
      summary(verdicts.map(({ first }) => first)),
      summary(verdicts.map(({ second }) => second)),
      orders,
    ];
  });
  const header = [
    'op',
    'configurations',
    'stock, first order',
    'stock, second order',
    `here, orders equal to PyTorch ${versions.torch.split('+')[0]}`,
  ];
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
}

const isCpu = (process.env.GAIN_TEST_ENGINE ?? 'cpu') === 'cpu';

(isCpu ? test : test.skip)(
  'first derivatives that stock tfjs has right stay as they are; the docs say which',
  (t) => {
    const stock = new Map(
      Object.keys(opTable).map((name) => [
        name,
        { first: measure(name, 'first'), second: measure(name, 'second') },
      ]),
    );
    enableHigherOrderGradients();
    for (const [name, { first }] of stock) {
      if (first.verdict !== 'right') continue;
      const error = relativeError(measure(name, 'first').values, first.values);
      t.true(error < 1e-6, `${name} differs from stock by ${error.toExponential(1)}`);
    }

    const table = docsTable(
      new Map(
        [...stock].map(([name, { first, second }]) => [
          name,
          { first: first.verdict, second: second.verdict },
        ]),
      ),
    );
    const page = readFileSync(DOCS, 'utf8');
    if (process.env.UPDATE_DOCS)
      writeFileSync(
        DOCS,
        page.replace(TABLE, (_, begin, __, end) => begin + table + end),
      );
    else t.is(TABLE.exec(page)?.[2], table);
  },
);
