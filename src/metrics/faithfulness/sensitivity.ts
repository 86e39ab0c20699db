import { UsageError } from '../../errors/index.ts';
import { randomFor } from '../../random/index.ts';

export interface SensitivityOptions {
  /** r: noise is drawn from U(−r, r) for each value. @default 0.2, Quantus's */
  readonly radius?: number | undefined;
  /** How many noisy copies. @default 10 (Quantus: 200) */
  readonly samples?: number | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
}

/**
 * Robustness: how much an explanation changes at most when the image hardly does.
 *
 *     max_k ‖Φ(x + δ_k) − Φ(x)‖₂ / ‖x‖₂,   δ_k ~ U(−r, r)
 *
 * (Max-sensitivity of Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS 2019, Definition 2, as Quantus
 * estimates it: by samples, over the norm of the image.) Its mean over k is `average`.
 *
 * @param image x
 * @param explain Φ, of the same class for every copy
 * @throws {UsageError} for options out of range, or explanations of different sizes
 */
export async function sensitivity(
  image: Float32Array,
  explain: (image: Float32Array) => ArrayLike<number> | Promise<ArrayLike<number>>,
  { radius = 0.2, samples = 10, seed = 0 }: SensitivityOptions = {},
): Promise<{ readonly max: number; readonly average: number }> {
  if (!(radius > 0) || !(Number.isInteger(samples) && samples >= 1)) {
    throw new UsageError(
      `radius, samples: expected a number above 0 and a whole number of at least 1, received ${radius} and ${samples}`,
    );
  }
  const own = Float64Array.from(await explain(image));
  const size = Math.sqrt(image.reduce((sum, value) => sum + value * value, 0));
  let [max, total] = [0, 0];
  for (let k = 0; k < samples; k++) {
    const random = randomFor(seed, 'sensitivity', k);
    const near = await explain(image.map((value) => value + radius * (2 * random.next() - 1)));
    if (near.length !== own.length) {
      throw new UsageError(`explain: expected ${own.length} values again, received ${near.length}`);
    }
    let square = 0;
    for (let i = 0; i < own.length; i++) square += (near[i]! - own[i]!) ** 2;
    const moved = Math.sqrt(square) / size;
    max = Math.max(max, moved);
    total += moved / samples;
  }
  return { max, average: total };
}
