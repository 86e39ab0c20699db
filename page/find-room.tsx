import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Finding, ScanState, Telling, Thumbnail } from '../src/explore/core.ts';
import { percent, pictureOf, pictureOfMap } from './draw.ts';
import { Choice, Picture, Trouble, useAnswer } from './parts.tsx';
import type { RemoteEngine } from './remote-engine.ts';

/** Cards on one page. */
const atOnce = 24;

type Reason = 'off' | 'audit' | 'wrong' | 'dead' | 'unsure' | 'all';

/** Why an image deserves a look, and how much. */
const reasons: Record<
  Reason,
  {
    readonly title: string;
    readonly explained: string;
    readonly rank: (finding: Finding, told: ReadonlyMap<string, Telling>) => number | undefined;
  }
> = {
  off: {
    title: 'right, with the evidence outside the object',
    explained:
      'Answered yes and rightly so; the share of the evidence that lies outside the mask of the object, the largest first.',
    rank: ({ truth, answer, off }) => (truth && answer && off !== null ? off : undefined),
  },
  audit: {
    title: 'answered by the background, says the audit',
    explained:
      'The yes stays without the object, or goes with the object alone, as npm run audit has tried it; the firmest first.',
    rank: (finding, told) => {
      const one = told.get(keyOf(finding));
      return one && (one.change === 'object erased' ? one.after : -one.after);
    },
  },
  wrong: {
    title: 'wrong and sure',
    explained: 'Answered wrongly, the surest first.',
    rank: ({ truth, answer, sureness }) => (truth !== answer ? sureness : undefined),
  },
  dead: {
    title: 'dead maps',
    explained: 'The map of the class is of one value all over: it points nowhere.',
    rank: ({ dead, sureness }) => (dead ? sureness : undefined),
  },
  unsure: {
    title: 'most uncertain',
    explained: 'Nearest to the border between yes and no.',
    rank: ({ sureness }) => 1 - sureness,
  },
  all: {
    title: 'all, as they come',
    explained: 'Every class that is in an image or answered.',
    rank: () => 0,
  },
};

/** An image and a class. */
function keyOf({ id, class: c }: Pick<Finding, 'id' | 'class'>): string {
  return `${c} ${id}`;
}

/** The second room: the images of the data set that deserve a person's look. */
export function FindRoom(props: {
  readonly engine: RemoteEngine;
  readonly onLook: (id: string) => void;
  readonly onCorrect: (id: string, c: number) => void;
}) {
  const { engine } = props;
  const data = engine.view.data!;
  const { classes } = engine.network;
  const splits = data.splits.filter(({ examples }) => examples > 0);
  const [chosen, setChosen] = useState<readonly string[]>([
    splits.find(({ name }) => name === 'val')?.name ?? splits[0]!.name,
  ]);
  const [state, setState] = useState<ScanState>();
  const [error, setError] = useState<string>();
  const [round, setRound] = useState(0);
  const [reason, setReason] = useState<Reason>('off');
  const [ofClass, setOfClass] = useState('');
  const [right, setRight] = useState('');
  const [page, setPage] = useState(0);
  const total = splits.reduce((sum, { name, examples }) => sum + (chosen.includes(name) ? examples : 0), 0);
  useEffect(() => {
    if (chosen.length === 0) return;
    let ended = false;
    let again = round > 0;
    const watch = async () => {
      while (!ended) {
        const found = await engine.scan(chosen, again);
        again = false;
        if (ended) return;
        setState(found);
        setError(found.error ?? undefined);
        if (found.error !== null || (found.total > 0 && found.done >= total)) return;
        await new Promise((resolve) => setTimeout(resolve, 700));
      }
    };
    watch().catch((problem: Error) => setError(problem.message));
    return () => {
      ended = true;
    };
  }, [engine, chosen.join('\n'), round]);
  const telling = useAnswer(() => engine.telling(), [engine]);
  const told = useMemo(
    () =>
      new Map(
        (telling.value ?? [])
          .toReversed()
          .map((one) => [keyOf({ id: one.id, class: classes.indexOf(one.class) }), one]),
      ),
    [telling.value],
  );
  const found = useMemo(() => {
    const { rank } = reasons[reason];
    return (state?.findings ?? [])
      .flatMap((finding) => {
        const value = rank(finding, told);
        if (value === undefined) return [];
        if (ofClass !== '' && finding.class !== Number(ofClass)) return [];
        if (right !== '' && (finding.truth === finding.answer) !== (right === 'right')) return [];
        return [{ finding, value }];
      })
      .sort((a, b) => b.value - a.value);
  }, [state, reason, ofClass, right, told]);
  const shown = found.slice(page * atOnce, (page + 1) * atOnce).map(({ finding }) => finding);
  useEffect(() => setPage(0), [reason, ofClass, right, chosen.join('\n')]);
  return (
    <div class="find">
      <section class="controls" aria-label="What is looked for">
        <fieldset>
          <legend>Splits</legend>
          {splits.map(({ name, examples }) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={(event) =>
                  setChosen(
                    event.currentTarget.checked
                      ? [...chosen, name]
                      : chosen.filter((other) => other !== name),
                  )
                }
              />{' '}
              {name} ({examples})
            </label>
          ))}
        </fieldset>
        <Choice
          label="First come those that are"
          value={reason}
          options={Object.entries(reasons)
            .filter(([name]) => name !== 'audit' || told.size > 0)
            .map(([name, { title }]) => [name, title])}
          onChange={(value) => setReason(value as Reason)}
        />
        <Choice
          label="Class"
          value={ofClass}
          options={[['', 'any'], ...classes.map((name, c) => [String(c), name] as const)]}
          onChange={setOfClass}
        />
        <Choice
          label="Answer"
          value={right}
          options={[
            ['', 'any'],
            ['right', 'right'],
            ['wrong', 'wrong'],
          ]}
          onChange={setRight}
        />
        <button type="button" onClick={() => setRound(round + 1)}>
          Look again
        </button>
      </section>
      <p role="status">
        {state && state.done < total && (
          <>
            <progress value={state.done} max={total} aria-label="Images looked at" /> {state.done} of {total}{' '}
            images looked at.{' '}
          </>
        )}
        {found.length} found. {reasons[reason].explained}
        {state && reason === 'off' && found.length === 0 && state.done > 0 && (
          <>
            {' '}
            None of the images looked at has a mask of what is answered: draw some in Correct, or mark a split
            that has.
          </>
        )}
      </p>
      <Trouble error={error} />
      <Cards {...props} findings={shown} />
      {found.length > atOnce && (
        <p class="row">
          <button type="button" disabled={page === 0} onClick={() => setPage(page - 1)}>
            ‹ Before
          </button>
          <small>
            {page * atOnce + 1} to {Math.min(found.length, (page + 1) * atOnce)} of {found.length}
          </small>
          <button
            type="button"
            disabled={(page + 1) * atOnce >= found.length}
            onClick={() => setPage(page + 1)}
          >
            Next ›
          </button>
        </p>
      )}
    </div>
  );
}

function Cards(props: {
  readonly engine: RemoteEngine;
  readonly findings: readonly Finding[];
  readonly onLook: (id: string) => void;
  readonly onCorrect: (id: string, c: number) => void;
}) {
  const { engine, findings } = props;
  const ids = [...new Set(findings.map(({ id }) => id))];
  const { value, error } = useAnswer(
    ids.length > 0
      ? async () => new Map((await engine.thumbnails(ids, 128)).map((one) => [one.id, one] as const))
      : undefined,
    [engine, ids.join('\n')],
  );
  return (
    <>
      <Trouble error={error} />
      <ul class="findings">
        {findings.map((finding) => (
          <Card
            key={`${finding.id} ${finding.class}`}
            {...props}
            finding={finding}
            thumbnail={value?.get(finding.id)}
          />
        ))}
      </ul>
    </>
  );
}

function Card(props: {
  readonly engine: RemoteEngine;
  readonly finding: Finding;
  readonly thumbnail: Thumbnail | undefined;
  readonly onLook: (id: string) => void;
  readonly onCorrect: (id: string, c: number) => void;
}) {
  const { engine, finding, thumbnail } = props;
  const { classes } = engine.network;
  const [open, setOpen] = useState(false);
  const name = classes[finding.class]!;
  const picture = useMemo(
    () => thumbnail && { data: thumbnail.pixels, height: thumbnail.height, width: thumbnail.width },
    [thumbnail],
  );
  const verdict = finding.truth
    ? finding.answer
      ? 'there, and found'
      : 'there, and missed'
    : finding.answer
      ? 'not there, but answered'
      : 'not there';
  return (
    <li class={finding.truth === finding.answer ? 'finding' : 'finding is-wrong'} data-id={finding.id}>
      <Picture picture={picture} label={`${finding.id}: ${name}`} />
      <p>
        <strong>{name}</strong> {verdict}, {percent(finding.probability)}
        {finding.off !== null && <>; {percent(finding.off)} of the evidence outside the object</>}
        {finding.dead && <>; its map is dead</>}
        <small class="id">{finding.id}</small>
      </p>
      <p class="row">
        <button type="button" onClick={() => setOpen(!open)} aria-expanded={open}>
          Maps
        </button>
        <button type="button" onClick={() => props.onLook(finding.id)}>
          Look
        </button>
        {engine.view.canDraw && (
          <button type="button" onClick={() => props.onCorrect(finding.id, finding.class)}>
            Correct
          </button>
        )}
      </p>
      {open && <Compared engine={engine} id={finding.id} class={finding.class} />}
    </li>
  );
}

/** The maps of what was answered and of what is true, side by side, on one scale. */
function Compared(props: { readonly engine: RemoteEngine; readonly id: string; readonly class: number }) {
  const { engine, id } = props;
  const { classes, imageSize, methods } = engine.network;
  const method = methods.find(({ name }) => name === 'grad-cam') ?? methods[0]!;
  const { value, error, busy } = useAnswer(
    async (signal) => {
      const image = await engine.open(id);
      const { probabilities } = await engine.look(image, { kind: 'scores' }, { signal });
      const answered =
        engine.network.link === 'softmax' ? [probabilities.indexOf(Math.max(...probabilities))] : [];
      const wanted = [...new Set([props.class, ...answered, ...(image.labels ?? [])])].slice(0, 4);
      const base = pictureOf(image, imageSize);
      const maps = [];
      for (const c of wanted) {
        const map = await engine.look(image, { kind: 'map', method: method.name, class: c }, { signal });
        maps.push({ c, map, probability: probabilities[c]!, truth: image.labels?.includes(c) ?? false });
      }
      const peak = Math.max(...maps.map(({ map }) => Math.max(...map.values)));
      return maps.map((one) => ({ ...one, picture: pictureOfMap(one.map, base, { scale: [0, peak] }) }));
    },
    [engine, id, props.class],
  );
  return (
    <div class="compared" aria-busy={busy}>
      <Trouble error={error} />
      {value?.map(({ c, picture, probability, truth }) => (
        <figure key={c}>
          <Picture picture={picture} label={`${method.title} of ${classes[c]}`} />
          <figcaption>
            {classes[c]} {percent(probability)} <small>{truth ? 'is in the image' : 'is not'}</small>
          </figcaption>
        </figure>
      ))}
    </div>
  );
}
