import { GraphBuilder, type ProductOptions } from './graph-builder.ts';
import { lastTwoExchanged } from './layout.ts';
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
      default:
        return super.node(type, inputs, attributes, domain);
    }
  }
}
