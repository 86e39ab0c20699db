import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ListedMask } from '../src/explore/core.ts';
import { save } from './draw.ts';
import type { ShownImage } from './engine.ts';
import { ImageChooser } from './image-chooser.tsx';
import { LearnPanel } from './learn-panel.tsx';
import { emptyMarks, type Marks, sameMarks } from './mask-editing.ts';
import { MaskEditor } from './mask-editor.tsx';
import { MaskSaver } from './mask-saver.ts';
import { Trouble } from './parts.tsx';
import type { RemoteEngine } from './remote-engine.ts';

/** The third room: what matters and what must not is drawn, saved at once, and learned. */
export function CorrectRoom(props: {
  readonly engine: RemoteEngine;
  readonly image: ShownImage | undefined;
  readonly class: number | undefined;
  readonly onImage: (image: ShownImage) => void;
}) {
  const { engine, image, onImage } = props;
  const [height, width] = engine.network.imageSize;
  const [listed, setListed] = useState<readonly ListedMask[]>([]);
  const [history, setHistory] = useState<readonly Marks[]>([]);
  const [ahead, setAhead] = useState<readonly Marks[]>([]);
  const [problem, setProblem] = useState<string>();
  const [, setChanges] = useState(0);
  const saver = useMemo(() => new MaskSaver(engine, () => setChanges((count) => count + 1)), [engine]);
  const marks = history.at(-1);
  const ofData = image?.id.includes('#');
  const saved = image && saver.saved(image.id);
  const isSaved = saved !== undefined && marks !== undefined && !saver.busy && sameMarks(marks, saved.marks);
  const error = problem ?? (image && saver.error(image.id));
  useEffect(() => {
    if (saver.busy) return;
    engine.masks().then(setListed, (trouble: Error) => setProblem(trouble.message));
  }, [engine, saver.busy]);
  const open = (id: string) =>
    engine.mask(id).then((mask) => {
      const empty = emptyMarks(height, width);
      const found: Marks = {
        height,
        width,
        classes: mask.classes ? mask.classes.slice() : empty.classes,
        irrelevant: mask.irrelevant ? mask.irrelevant.slice() : empty.irrelevant,
      };
      saver.begin(id, { marks: found, revision: mask.revision, by: mask.by, at: mask.at });
      return found;
    });
  const [opened, setOpened] = useState(0);
  useEffect(() => {
    let ended = false;
    setHistory([]);
    setAhead([]);
    setProblem(undefined);
    if (!image || !ofData) return;
    open(image.id).then(
      (found) => !ended && setHistory([found]),
      (trouble: Error) => !ended && setProblem(trouble.message),
    );
    return () => {
      ended = true;
    };
  }, [engine, image?.id, opened]);
  useEffect(() => {
    const onLeave = (event: BeforeUnloadEvent) => saver.busy && event.preventDefault();
    addEventListener('beforeunload', onLeave);
    return () => removeEventListener('beforeunload', onLeave);
  }, [saver]);

  /** The mask as it is now; saved at once. */
  const show = (next: readonly Marks[]) => {
    setHistory(next);
    if (image) saver.put(image.id, next.at(-1)!);
  };
  const change = (next: Marks) => {
    show([...history.slice(-60), next]);
    setAhead([]);
  };
  const undo = () => {
    if (history.length < 2) return;
    setAhead([history.at(-1)!, ...ahead]);
    show(history.slice(0, -1));
  };
  const redo = () => {
    if (ahead.length === 0) return;
    show([...history, ahead[0]!]);
    setAhead(ahead.slice(1));
  };
  const keys = useRef({ undo, redo });
  keys.current = { undo, redo };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
      event.preventDefault();
      if (event.shiftKey) keys.current.redo();
      else keys.current.undo();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const trained = engine.view.data!.trained;
  const learned = useMemo(() => {
    const shards = (id: string) => trained.some((split) => id.startsWith(`${split}-`));
    return listed.filter(({ id, classes }) => classes.length > 0 && shards(id)).length;
  }, [listed]);
  return (
    <div class="correct">
      <div class="at-hand">
        <ImageChooser engine={engine} image={image} onImage={onImage} />
        <section aria-label="Marked images">
          <h3>Marked images ({listed.length})</h3>
          <ul class="marked">
            {listed.map(({ id, by, at, classes, irrelevant }) => (
              <li key={id}>
                <button
                  type="button"
                  aria-pressed={image?.id === id}
                  onClick={async () => onImage(await engine.open(id))}
                >
                  {id}
                </button>
                <small>
                  {[
                    ...classes.map((c) => engine.network.classes[c]),
                    ...(irrelevant ? ['must not matter'] : []),
                  ].join(', ')}
                  ; {by}, {when(at)}
                </small>
              </li>
            ))}
          </ul>
          {listed.length > 0 && (
            <button type="button" onClick={async () => save(await engine.maskArchive(), 'drawn-masks.zip')}>
              Export as PNG and COCO
            </button>
          )}
        </section>
      </div>
      <div class="drawing">
        {image && !ofData && (
          <p class="note">Only images of the data set can be marked: this one is not among them.</p>
        )}
        {!image && <p class="note">Open an image of the data set, or take one from Find.</p>}
        {image && ofData && marks && (
          <MaskEditor
            key={image.id}
            engine={engine}
            image={image}
            marks={marks}
            class={props.class}
            onChange={change}
            onUndo={undo}
            onRedo={redo}
            canUndo={history.length > 1}
            canRedo={ahead.length > 0}
          />
        )}
        <p role="status" class="saved" data-saved={isSaved}>
          {saver.busy
            ? 'Saving…'
            : isSaved &&
              (saved.at
                ? `Saved beside the data set: ${saved.by}, ${when(saved.at)}.`
                : 'Nothing is marked yet.')}
        </p>
        {error && (
          <>
            <Trouble error={error} />
            <button type="button" onClick={() => setOpened(opened + 1)}>
              Open it again
            </button>
          </>
        )}
        <LearnPanel engine={engine} image={image} usable={learned} />
      </div>
    </div>
  );
}

/** Of ISO 8601, to the minute, in the time of whoever looks. */
function when(at: string): string {
  return new Date(at).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
}
