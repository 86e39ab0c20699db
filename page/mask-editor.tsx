import { useEffect, useMemo, useState } from 'preact/hooks';
import { grayscale } from '../src/pictures/core.ts';
import { pictureOf, pictureOfMap } from './draw.ts';
import type { ShownImage } from './engine.ts';
import {
  boxOf,
  grown,
  type Marks,
  type Paint,
  type Point,
  painted,
  polygonOf,
  stroke,
} from './mask-editing.ts';
import { Choice, Picture, type Place, Slider, Trouble, useAnswer } from './parts.tsx';
import type { RemoteEngine } from './remote-engine.ts';

type Tool = 'brush' | 'eraser' | 'polygon' | 'box' | 'grow';

const tools: readonly (readonly [Tool, string, string])[] = [
  ['brush', 'Brush', 'b'],
  ['eraser', 'Eraser', 'e'],
  ['polygon', 'Polygon', 'p'],
  ['box', 'Box', 'x'],
  ['grow', 'Grow', 'g'],
];

/** Colours of what matters, and of what must not; hatched too, so that nobody has to tell colours apart. */
const matters = [230, 159, 0] as const;
const irrelevantColor = [86, 180, 233] as const;

/** Says with brush, eraser, polygon, box and a click that grows what matters in an image and what must not. */
export function MaskEditor(props: {
  readonly engine: RemoteEngine;
  readonly image: ShownImage;
  readonly marks: Marks;
  readonly class: number | undefined;
  readonly onChange: (marks: Marks) => void;
  readonly onUndo: () => void;
  readonly onRedo: () => void;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}) {
  const { engine, image, marks, onChange } = props;
  const { classes, imageSize } = engine.network;
  const [height, width] = imageSize;
  const [tool, setTool] = useState<Tool>('brush');
  const [what, setWhat] = useState(String(props.class ?? image.labels?.[0] ?? 0));
  const [radius, setRadius] = useState(Math.max(1, Math.round(Math.min(height, width) / 20)));
  const [tolerance, setTolerance] = useState(0.25);
  const [withMap, setWithMap] = useState(false);
  const [at, setAt] = useState<Place>();
  /** The stroke that is going on: where it was last, and what it has made of the mask. */
  const [going, setGoing] = useState<{ readonly last: Point; readonly marks: Marks }>();
  const [corners, setCorners] = useState<readonly Point[]>([]);
  const [seed, setSeed] = useState<Point>();
  const paint: Paint =
    tool === 'eraser' ? 'nothing' : what === 'irrelevant' ? 'irrelevant' : { class: Number(what) };
  const ofClass = what === 'irrelevant' ? (image.labels?.[0] ?? 0) : Number(what);

  const map = useAnswer(
    withMap
      ? (signal) => engine.look(image, { kind: 'map', method: 'grad-cam', class: ofClass }, { signal })
      : undefined,
    [engine, image.id, withMap, ofClass],
  );
  const likeness = useAnswer(
    seed ? () => engine.likeness(image.id, [Math.floor(seed[0]), Math.floor(seed[1])]) : undefined,
    [engine, image.id, seed?.[0], seed?.[1]],
  );
  const shown = useMemo(() => {
    if (going) return going.marks;
    if (tool === 'grow' && seed && likeness.value) {
      return painted(marks, grown(likeness.value, height, width, seed, tolerance), paint);
    }
    return marks;
  }, [marks, going, tool, seed, likeness.value, tolerance, what]);
  const base = useMemo(() => pictureOf(image, imageSize), [image]);
  const under = useMemo(
    () => (map.value ? pictureOfMap(map.value, base, { alpha: 0.4 }) : base),
    [base, map.value],
  );
  const picture = useMemo(() => {
    const data = Uint8Array.from((map.value ? under : grayscaleWhereMarked(base, shown, under)).data);
    const scale = base.width / width;
    for (let y = 0, i = 0; y < base.height; y++) {
      for (let x = 0; x < base.width; x++, i += 3) {
        const p = Math.floor(y / scale) * width + Math.floor(x / scale);
        const isIrrelevant = shown.irrelevant[p] === 1;
        if (!isIrrelevant && shown.classes[p] === 0) continue;
        // Stripes lean to the right where it matters, to the left where it must not.
        const stripe = (isIrrelevant ? x - y : x + y) & 7;
        const share = stripe < 2 ? 0.75 : 0.4;
        const color = isIrrelevant ? irrelevantColor : matters;
        for (let c = 0; c < 3; c++) data[i + c] = (1 - share) * data[i + c]! + share * color[c]!;
      }
    }
    return { data, height: base.height, width: base.width };
  }, [base, under, shown]);

  const pointOf = ([y, x]: NonNullable<Place>): Point => [y * height, x * width];
  const finishGrowing = () => {
    if (tool === 'grow' && seed && likeness.value) onChange(shown);
    setSeed(undefined);
  };
  const press = (place: NonNullable<Place>) => {
    const point = pointOf(place);
    switch (tool) {
      case 'brush':
      case 'eraser': {
        const next = painted(marks, stroke(point, point, radius), paint);
        setGoing({ last: point, marks: next });
        return;
      }
      case 'box':
        if (corners.length === 0) return setCorners([point]);
        onChange(painted(marks, boxOf(corners[0]!, point), paint));
        return setCorners([]);
      case 'polygon': {
        const [first] = corners;
        const closes =
          corners.length >= 3 &&
          Math.hypot(first![0] - point[0], first![1] - point[1]) < Math.max(1.5, height / 40);
        if (!closes) return setCorners([...corners, point]);
        onChange(painted(marks, polygonOf(corners), paint));
        return setCorners([]);
      }
      case 'grow':
        if (seed && likeness.value) onChange(shown);
        return setSeed(point);
    }
  };
  const move = (place: Place) => {
    setAt(place);
    if (!place || !going) return;
    const point = pointOf(place);
    setGoing({ last: point, marks: painted(going.marks, stroke(going.last, point, radius), paint) });
  };
  const release = () => {
    if (!going) return;
    onChange(going.marks);
    setGoing(undefined);
  };
  useEffect(() => {
    addEventListener('pointerup', release);
    addEventListener('keyup', release);
    return () => {
      removeEventListener('pointerup', release);
      removeEventListener('keyup', release);
    };
  });
  const choose = (next: Tool) => {
    finishGrowing();
    setCorners([]);
    setTool(next);
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
      const found = tools.find(([, , key]) => key === event.key.toLowerCase());
      if (found) choose(found[0]);
      else if (event.key === '[') setRadius(Math.max(1, radius - 1));
      else if (event.key === ']') setRadius(radius + 1);
      else if (event.key === 'Escape') {
        setCorners([]);
        setSeed(undefined);
      } else if (event.key === 'c' && corners.length >= 3) {
        onChange(painted(marks, polygonOf(corners), paint));
        setCorners([]);
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
  return (
    <section class="editor" aria-label={`Mask of ${image.name}`} data-image={image.id}>
      <div class="controls">
        <fieldset class="tools" aria-label="Tools">
          {tools.map(([name, title, key]) => (
            <button
              key={name}
              type="button"
              aria-pressed={tool === name}
              aria-keyshortcuts={key}
              title={`${title} (${key})`}
              onClick={() => choose(name)}
            >
              {title}
            </button>
          ))}
          <button type="button" disabled={!props.canUndo} onClick={props.onUndo} title="Undo (Ctrl+Z)">
            Undo
          </button>
          <button type="button" disabled={!props.canRedo} onClick={props.onRedo} title="Redo (Ctrl+Shift+Z)">
            Redo
          </button>
        </fieldset>
        <Choice
          label="What is marked"
          value={what}
          options={[
            ...classes.map(
              (name, c) =>
                [
                  String(c),
                  `matters: ${name}`,
                  image.labels?.includes(c) ? 'in the image' : 'other classes',
                ] as const,
            ),
            ['irrelevant', 'must not matter'],
          ]}
          onChange={(value) => {
            finishGrowing();
            setWhat(value);
          }}
        />
        {(tool === 'brush' || tool === 'eraser') && (
          <Slider
            label="Size"
            min={1}
            max={Math.round(height / 4)}
            step={1}
            value={radius}
            onChange={setRadius}
          />
        )}
        {tool === 'grow' && (
          <Slider label="Tolerance" value={tolerance} shown={tolerance.toFixed(2)} onChange={setTolerance} />
        )}
        <label>
          <input
            type="checkbox"
            checked={withMap}
            onChange={(event) => setWithMap(event.currentTarget.checked)}
          />{' '}
          class map beneath
        </label>
      </div>
      <Picture
        picture={picture}
        label={`Mask of ${image.name}: arrow keys move, Enter presses`}
        grid={imageSize}
        at={at}
        onPoint={move}
        onPress={press}
        className="editing"
      >
        <svg class="over" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {corners.length > 0 && (
            <polyline
              class="outline"
              points={[...corners, ...(at ? [pointOf(at)] : [])].map(([y, x]) => `${x},${y}`).join(' ')}
            />
          )}
          {tool === 'box' && corners[0] && at && (
            <rect
              class="predicted"
              x={Math.min(corners[0][1], at[1] * width)}
              y={Math.min(corners[0][0], at[0] * height)}
              width={Math.abs(corners[0][1] - at[1] * width)}
              height={Math.abs(corners[0][0] - at[0] * height)}
            />
          )}
          {(tool === 'brush' || tool === 'eraser') && at && (
            <circle class="outline" cx={at[1] * width} cy={at[0] * height} r={radius} />
          )}
        </svg>
      </Picture>
      <p class="row">
        {tool === 'grow' && seed && (
          <>
            <button type="button" disabled={!likeness.value} onClick={finishGrowing}>
              Take this region
            </button>
            <button type="button" onClick={() => setSeed(undefined)}>
              Leave it
            </button>
            {likeness.busy && <small role="status">The network looks for what is alike…</small>}
          </>
        )}
        {tool === 'polygon' && (
          <>
            <small>Press the corners; the first one, or C, closes it.</small>
            {corners.length >= 3 && (
              <button
                type="button"
                onClick={() => {
                  onChange(painted(marks, polygonOf(corners), paint));
                  setCorners([]);
                }}
              >
                Close it
              </button>
            )}
          </>
        )}
        {tool === 'box' && <small>Press two corners.</small>}
        {tool === 'grow' && !seed && (
          <small>
            Press a place of the object: what is connected and alike by the network's own features is marked.
          </small>
        )}
        <small>Leaning right: matters. Leaning left: must not matter.</small>
      </p>
      <Trouble error={likeness.error ?? map.error} />
    </section>
  );
}

/** Grey beneath the marks, so that they are seen on any colour. */
function grayscaleWhereMarked(base: ReturnType<typeof pictureOf>, marks: Marks, under: typeof base) {
  const gray = grayscale(base);
  const scale = base.width / marks.width;
  const data = under.data.slice();
  for (let y = 0, i = 0; y < base.height; y++) {
    for (let x = 0; x < base.width; x++, i += 3) {
      const p = Math.floor(y / scale) * marks.width + Math.floor(x / scale);
      if (marks.classes[p] === 0 && marks.irrelevant[p] === 0) continue;
      for (let c = 0; c < 3; c++) data[i + c] = gray.data[i + c]!;
    }
  }
  return { ...base, data };
}
