import { GraphBuilder, type ProductOptions } from './graph-builder.ts';
import { lastTwoExchanged } from './layout.ts';
import type { ElementType } from './lazy-node.ts';
import type { Attributes } from './onnx-model.ts';

/**
 * A graph for a device: what its provider would send back to the processor (`npm run engines -- --verbose` lists the
 * operators) is written with operators that it has.
 *
 * A device may take it that there is no NaN within one operator; between two of them the number lies in memory, so that
 * 0 · x is a test that works.
 */
export class DeviceGraph extends GraphBuilder {
  override product(a: string, b: string, { transA = false, transB = false, ranks }: ProductOptions): string {
    const operands = [transA, transB].map((isTransposed, i) => {
      const name = i === 0 ? a : b;
      return isTransposed ? this.node('Transpose', [name], { perm: lastTwoExchanged(ranks[i]!) }) : name;
    });
    return this.node('MatMul', operands);
  }

  override node(type: string, inputs: readonly string[], attributes: Attributes = {}, domain = ''): string {
    const [x, y] = inputs as [string, string];
    const zero = (): string => this.fill(0, 'float32');
    switch (type) {
      case 'IsInf':
        return this.node('Equal', [this.node('Abs', [x]), this.fill(Number.POSITIVE_INFINITY, 'float32')]);
      case 'IsNaN': {
        const finite = this.node('Equal', [this.node('Mul', [x, zero()]), zero()]);
        return this.node('Not', [this.node('Or', [finite, this.node('IsInf', [x])])]);
      }
      case 'Or':
        return this.node('Not', [this.node('And', [this.node('Not', [x]), this.node('Not', [y])])]);
      case 'Xor':
        return this.node('And', [this.node('Or', [x, y]), this.node('Not', [this.node('And', [x, y])])]);
      case 'Sign':
        return this.node('Sub', [
          this.cast(this.node('Greater', [x, zero()]), 'float32'),
          this.cast(this.node('Less', [x, zero()]), 'float32'),
        ]);
      case 'Sin':
        return this.#wave(x, 0);
      case 'Cos':
        return this.#wave(x, 1);
      case 'Tan':
        return this.node('Div', [this.#wave(x, 0), this.#wave(x, 1)]);
      default:
        return super.node(type, inputs, attributes, domain);
    }
  }

  /** NaN is true, which a comparison on a device may not know. */
  override truth(x: string, dtype: ElementType): string {
    const differs = super.truth(x, dtype);
    return dtype === 'float32' ? this.node('Or', [differs, this.node('IsNaN', [x])]) : differs;
  }

  /**
   * sin(x + quarters · π/2) to the precision of a float, where WGSL promises 2⁻¹¹: x less the nearest multiple of π/2,
   * which is taken away in three parts (Cody and Waite), then the polynomials of Cephes' sinf and cosf on ±π/4.
   */
  #wave(x: string, quarters: number): string {
    const f = (value: number): string => this.fill(value, 'float32');
    const times = (a: string, b: string): string => this.node('Mul', [a, b]);
    const plus = (a: string, b: string): string => this.node('Add', [a, b]);
    const floor = (a: string): string => this.node('Floor', [a]);
    const polynomial = (z: string, [last, ...rest]: readonly number[]): string =>
      rest.reduce((sum, coefficient) => plus(times(sum, z), f(coefficient)), f(last!));

    const turns = floor(plus(times(x, f(2 / Math.PI)), f(0.5)));
    const rest = HALF_PI_PARTS.reduce((r, part) => plus(r, times(turns, f(-part))), x);
    const z = times(rest, rest);
    const sine = plus(rest, times(times(rest, z), polynomial(z, SINE)));
    const cosine = plus(f(1), times(z, plus(f(-0.5), times(z, polynomial(z, COSINE)))));

    const at = plus(turns, f(quarters));
    const quadrant = plus(at, times(floor(times(at, f(0.25))), f(-4)));
    const half = floor(times(quadrant, f(0.5)));
    const isOdd = this.node('Greater', [plus(quadrant, times(half, f(-2))), f(0.5)]);
    const sign = plus(f(1), times(half, f(-2)));
    return times(sign, this.node('Where', [isOdd, cosine, sine]));
  }
}

/** π/2 in three numbers of which the first two have so few digits that their multiples are exact. */
const HALF_PI_PARTS = [1.5703125, 4.837512969970703e-4, 7.549789948768648e-8];
/** (sin r − r) / r³ and (cos r − 1 + r²/2) / r⁴ in r², highest power first. */
const SINE = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1];
const COSINE = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2];
