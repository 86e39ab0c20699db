import { useEffect, useMemo, useState } from 'preact/hooks';
import type { LearnView, Numbers } from '../src/explore/core.ts';
import { percent, pictureOf, pictureOfMap } from './draw.ts';
import type { ShownImage } from './engine.ts';
import { Picture, Trouble, useAnswer } from './parts.tsx';
import type { RemoteEngine } from './remote-engine.ts';

/** What a learning is doing, in words. */
const states: Record<LearnView['state'], string> = {
  learning: 'is learning',
  auditing: 'has learned; the audit asks what it follows now',
  done: 'is done',
  failed: 'has failed',
  stopped: 'was stopped before it was done',
};

/** Lets the network go on learning with what was marked, and shows before and after. */
export function LearnPanel(props: {
  readonly engine: RemoteEngine;
  readonly image: ShownImage | undefined;
  /** Marked images of the training. */
  readonly usable: number;
}) {
  const { engine, image, usable } = props;
  const [list, setList] = useState<readonly LearnView[]>([]);
  const [epochs, setEpochs] = useState(12);
  const [error, setError] = useState<string>();
  const [asked, setAsked] = useState(0);
  const running = list.some(({ state }) => state === 'learning' || state === 'auditing');
  useEffect(() => {
    if (!engine.view.canLearn) return;
    let ended = false;
    const watch = async () => {
      for (;;) {
        const found = await engine.learnings();
        if (ended) return;
        setList(found);
        if (!found.some(({ state }) => state === 'learning' || state === 'auditing')) return;
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    };
    watch().catch((problem: Error) => setError(problem.message));
    return () => {
      ended = true;
    };
  }, [engine, asked]);
  const tell = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setError(undefined);
    } catch (problem) {
      setError((problem as Error).message);
    }
    setAsked(asked + 1);
  };
  if (!engine.view.canLearn) {
    return (
      <p class="note">Only a run with its data set can go on learning; this is a network without one.</p>
    );
  }
  return (
    <section class="learn" aria-label="Learn">
      <h2>Learn</h2>
      <p>
        A copy of the network goes on learning: a small classifier of pixels learns from the marked images
        where the objects of all others are, and pictures are made in which object and ground no longer go
        together. The run itself stays as it is. <small>It goes on when this page is closed.</small>
      </p>
      <p class="row">
        <label>
          Epochs{' '}
          <input
            type="number"
            min={1}
            max={500}
            value={epochs}
            onChange={(event) =>
              setEpochs(Math.max(1, Math.min(500, Math.round(Number(event.currentTarget.value)))))
            }
          />
        </label>
        <button
          type="button"
          disabled={usable === 0 || running}
          onClick={() => tell(() => engine.learn(epochs))}
        >
          Learn from {usable} marked {usable === 1 ? 'image' : 'images'}
        </button>
        {usable === 0 && (
          <small>Mark what matters in some images of {engine.view.data!.trained.join(', ')} first.</small>
        )}
      </p>
      <Trouble error={error} />
      {list.toReversed().map((one) => (
        <Learned
          key={one.number}
          engine={engine}
          image={image}
          one={one}
          onTell={(what) => tell(() => engine.tell(one.number, what))}
        />
      ))}
    </section>
  );
}

function Learned(props: {
  readonly engine: RemoteEngine;
  readonly image: ShownImage | undefined;
  readonly one: LearnView;
  readonly onTell: (what: 'stop' | 'go-on') => void;
}) {
  const { engine, image, one, onTell } = props;
  const [shown, setShown] = useState(false);
  const alive = one.state === 'learning' || one.state === 'auditing';
  return (
    <article class="learned" data-number={one.number} data-state={one.state}>
      <h3>
        Learning {one.number} {states[one.state]}
      </h3>
      <p>
        <small>
          {one.images.length} marked {one.images.length === 1 ? 'image' : 'images'} of{' '}
          {one.classes.join(', ')}; {one.epochs} epochs; begun by {one.by},{' '}
          {new Date(one.at).toLocaleString()}
        </small>
      </p>
      {one.state === 'learning' && (
        <p role="status">
          {one.updates !== null && one.update > 0 ? (
            <>
              <progress value={one.update} max={one.updates} aria-label="Updates done" /> {one.update} of{' '}
              {one.updates} updates
            </>
          ) : (
            one.message || 'It begins…'
          )}
        </p>
      )}
      {one.state === 'failed' && <Trouble error={one.message} />}
      <p class="row">
        {alive && (
          <button type="button" onClick={() => onTell('stop')}>
            Stop
          </button>
        )}
        {(one.state === 'stopped' || one.state === 'failed') && (
          <button type="button" onClick={() => onTell('go-on')}>
            Go on
          </button>
        )}
        {one.trained && image && (
          <button type="button" aria-expanded={shown} onClick={() => setShown(!shown)}>
            Before and after on this image
          </button>
        )}
      </p>
      {one.before && one.after && <Table before={one.before} after={one.after} />}
      {shown && image && one.trained && <BeforeAfter engine={engine} image={image} number={one.number} />}
    </article>
  );
}

/** The numbers of the test splits and of the audit, before and after. */
function Table({ before, after }: { readonly before: Numbers; readonly after: Numbers }) {
  const splits = Object.keys(after.splits);
  const both = (a: number | null | undefined, b: number | null | undefined) => (
    <>
      <td>{a === null || a === undefined ? '–' : percent(a)}</td>
      <td>{b === null || b === undefined ? '–' : percent(b)}</td>
    </>
  );
  return (
    <div class="scrolls">
      <table>
        <caption>Before it learned, and after</caption>
        <thead>
          <tr>
            <th scope="col">what</th>
            <th scope="col">before</th>
            <th scope="col">after</th>
          </tr>
        </thead>
        <tbody>
          {splits.map((split) => (
            <tr key={split} data-split={split}>
              <th scope="row">
                {split}: {after.splits[split]!.focus === null ? 'mAP' : 'answers of the focus class'}
              </th>
              {after.splits[split]!.focus === null
                ? both(before.splits[split]?.mAP, after.splits[split]!.mAP)
                : both(before.splits[split]?.focus, after.splits[split]!.focus)}
            </tr>
          ))}
          {after.audit
            .filter(({ apart }) => apart !== null)
            .map((one) => (
              <tr key={one.class}>
                <th scope="row">audit, {one.class}: right where object and ground come apart</th>
                {both(before.audit.find((other) => other.class === one.class)?.apart, one.apart)}
              </tr>
            ))}
        </tbody>
      </table>
    </div>
  );
}

/** Scores and maps of one image by the network as it was and as it is. */
function BeforeAfter(props: {
  readonly engine: RemoteEngine;
  readonly image: ShownImage;
  readonly number: number;
}) {
  const { engine, image, number } = props;
  const { classes, imageSize } = engine.network;
  const base = useMemo(() => pictureOf(image, imageSize), [image]);
  const { value, error, busy } = useAnswer(
    async (signal) => {
      const found = [];
      for (const network of [0, number]) {
        const { probabilities } = await engine.look(image, { kind: 'scores' }, { network, signal });
        const c = image.labels?.[0] ?? probabilities.indexOf(Math.max(...probabilities));
        const job = { kind: 'map' as const, method: 'grad-cam', class: c };
        const map = await engine.look(image, job, { network, signal });
        found.push({ c, probability: probabilities[c]!, picture: pictureOfMap(map, base, {}) });
      }
      return found;
    },
    [engine, image.id, number],
  );
  return (
    <div class="compared" aria-busy={busy}>
      <Trouble error={error} />
      {value?.map(({ c, probability, picture }, i) => (
        <figure key={i}>
          <Picture picture={picture} label={`${i === 0 ? 'Before' : 'After'}: Grad-CAM of ${classes[c]}`} />
          <figcaption>
            {i === 0 ? 'before' : 'after'}: {classes[c]} {percent(probability)}
          </figcaption>
        </figure>
      ))}
    </div>
  );
}
