import type { StepReport } from '../gain/index.ts';
import type { Progress } from './checkpoint.ts';
import type { OwnModule } from './own-module.ts';

/** `2 terms (a, b), changes batches`: what a module of the user's own brings. */
export function describeModule(
  { transforms }: OwnModule,
  terms: readonly { readonly name: string }[],
): string {
  const names = terms.map(({ name }) => name).join(', ');
  return [...(terms.length > 0 ? [`terms ${names}`] : []), ...(transforms ? ['changes batches'] : [])].join(
    '; ',
  );
}

/** Where a run that is resumed goes on. */
export function describeStart(restored: Progress | undefined, epochs: number): string {
  if (!restored) return 'from the beginning: there was no checkpoint yet';
  const { step, epoch, batch } = restored;
  const where = epoch >= epochs ? 'the training was complete' : `epoch ${epoch + 1}, batch ${batch}`;
  return `after step ${step}: ${where}`;
}

/** What the progress bar says after a step: its losses, and images per second. */
export function describeStep({ losses }: StepReport, rate: number): string {
  const { total, ...terms } = losses;
  return [describeLosses({ total: total! }), `${rate.toFixed(0)} img/s`, describeLosses(terms)].join('  ');
}

const shortNames: Record<string, string> = {
  total: 'loss',
  classification: 'cl',
  mining: 'am',
  supervision: 'e',
};

/** `loss 0.693 cl 0.502 am 0.191` */
export function describeLosses(losses: Readonly<Record<string, number>>): string {
  return Object.entries(losses)
    .map(([name, value]) => {
      const number = Math.abs(value) < 1e4 ? value.toFixed(3) : value.toExponential(2);
      return `${shortNames[name] ?? name} ${number}`;
    })
    .join(' ');
}
