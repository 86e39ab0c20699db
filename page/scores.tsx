import { percent, short } from './draw.ts';
import type { Engine, ShownImage } from './engine.ts';
import { Trouble, useAnswer } from './parts.tsx';

/** The answer of the network as bars, the likeliest class first; a click chooses the class that is explained. */
export function Scores(props: {
  readonly engine: Engine;
  readonly image: ShownImage;
  readonly network?: number;
  readonly chosen: number | undefined;
  readonly onChoose: (c: number) => void;
  readonly onScores?: (best: number) => void;
}) {
  const { engine, image, network = 0, chosen, onChoose, onScores } = props;
  const { classes } = engine.network;
  const { value, error, busy } = useAnswer(
    async (signal) => {
      const found = await engine.look(image, { kind: 'scores' }, { network, signal });
      const order = [...found.probabilities.keys()].sort(
        (a, b) => found.probabilities[b]! - found.probabilities[a]!,
      );
      onScores?.(order[0]!);
      return { ...found, order };
    },
    [engine, image.id, network],
  );
  return (
    <section class="scores" aria-label="Scores" aria-busy={busy}>
      <h3>Scores</h3>
      <Trouble error={error} />
      {value && (
        <ul>
          {value.order.slice(0, 12).map((c) => {
            const share = value.probabilities[c]!;
            const is = image.labels?.includes(c);
            return (
              <li key={c}>
                <button
                  type="button"
                  aria-pressed={chosen === c}
                  onClick={() => onChoose(c)}
                  title={`logit ${short(value.logits[c]!)}`}
                >
                  <span class="bar" style={{ width: `${100 * share}%` }} />
                  <span class="class-name">
                    {classes[c]}
                    {is && <small> in the image</small>}
                  </span>
                  <span class="number">{percent(share)}</span>
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
