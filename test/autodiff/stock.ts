import type { OpFunction } from './op-table.ts';
import type { Order, ReferenceCase } from './reference.ts';
import { derivatives, relativeError } from './reference.ts';

/** How a derivative compares with the reference. */
export type Verdict = 'right' | 'wrong' | 'throws';

export function verdict(op: OpFunction, reference: ReferenceCase, order: Order, tolerance: number): Verdict {
  try {
    const error = relativeError(derivatives(op, reference.inputs, order), reference[order] ?? []);
    return error < tolerance ? 'right' : 'wrong';
  } catch {
    return 'throws';
  }
}
