import type { CompositeAnswers } from './composite-answers.ts';
import type { FeatureLink } from './ground-features.ts';

/** What an audit says of a class, in a word. */
export type Finding = 'follows the ground' | 'leans on the ground' | 'no shortcut found' | 'not measured';

/**
 * The lean (together − apart) from which on there is an alarm. Composites are no photographs: erasing and pasting cost
 * a few points, and not the same in every cell.
 */
export const ALARM = 0.1;

export interface Verdict {
  readonly finding: Finding;
  readonly sentence: string;
}

/**
 * A class follows the ground when it is right in less than half of the pictures where object and ground come apart
 * and the whole interval says so; it leans on it when the interval of the lean lies above {@link ALARM}.
 *
 * @param masks what the composites were cut along
 */
export function verdictOf(
  name: string,
  answers: CompositeAnswers | undefined,
  links: readonly FeatureLink[],
  masks: string,
): Verdict {
  const best = links[0];
  const told = best
    ? `; of its surroundings, ${best.feature} tells the answer best (AUC ${best.auc.toFixed(2)})`
    : '';
  if (!answers) {
    return {
      finding: 'not measured',
      sentence: `\`${name}\`: there is no mask to take object and ground apart with${told}. What goes with an answer need not cause it.`,
    };
  }
  const { apart, together, lean } = answers;
  const percent = (value: number) => (100 * value).toFixed(0);
  const where = `right in ${percent(apart.value)} % [${percent(apart.low)}, ${percent(apart.high)}] where \`${name}\` and ground come apart, ${percent(together.value)} % where they go together; a constant answer has 50 %`;
  const by =
    masks === 'true'
      ? ''
      : masks === 'boxes'
        ? ' (by boxes, which take some of their ground along: it leans as much or more)'
        : ` (by ${masks} masks)`;
  if (lean.low > ALARM) {
    const finding = apart.high < 0.5 ? 'follows the ground' : 'leans on the ground';
    return { finding, sentence: `\`${name}\` ${finding}: ${where}${by}${told}.` };
  }
  return { finding: 'no shortcut found', sentence: `\`${name}\`: no shortcut found: ${where}${by}.` };
}
