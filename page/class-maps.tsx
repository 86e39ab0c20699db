import { useMemo, useRef, useState } from 'preact/hooks';
import { scaleOf } from '../src/explain/core.ts';
import type { MapView } from '../src/explore/core.ts';
import { boxesFromMap, byteMap } from '../src/metrics/index.ts';
import { type ColorMapName, colorMapNames, type RgbImage, resizeMap } from '../src/pictures/core.ts';
import { drawable, pictureOfMap, pngOf, save, short } from './draw.ts';
import type { Engine, ShownImage } from './engine.ts';
import { Choice, Picture, type Place, Slider, Trouble, useAnswer } from './parts.tsx';

/** What a card shows. */
interface Card {
  readonly key: number;
  readonly method: string;
  readonly layer: string;
  readonly class: number | undefined;
}

/** How maps are drawn: the same for all cards. */
interface Look {
  readonly alpha: number;
  readonly colors: ColorMapName;
  readonly shared: boolean;
  /** Share of the largest value; undefined for no box. */
  readonly threshold: number | undefined;
}

let nextKey = 3;

/** Maps of several methods, layers and classes side by side. */
export function ClassMaps(props: {
  readonly engine: Engine;
  readonly image: ShownImage;
  readonly picture: RgbImage;
  /** The class that cards without one of their own explain. */
  readonly class: number;
  readonly network?: number;
}) {
  const { engine, image, picture } = props;
  const { methods, layers, targetLayer } = engine.network;
  const [cards, setCards] = useState<readonly Card[]>(() => {
    const maps = methods.filter(({ group, slow }) => group === 'class-maps' && !slow);
    const first = maps.find(({ name }) => name === 'grad-cam') ?? maps[0] ?? methods[0]!;
    const second = maps.find(({ name }) => name === 'grad-cam++') ?? maps[1] ?? first;
    const layer = targetLayer ?? '';
    return [first, second].map(({ name }, i) => ({ key: i + 1, method: name, layer, class: undefined }));
  });
  const [look, setLook] = useState<Look>({
    alpha: 0.5,
    colors: 'inferno',
    shared: false,
    threshold: undefined,
  });
  const [at, setAt] = useState<Place>();
  const [maps, setMaps] = useState<Readonly<Record<number, MapView>>>({});
  const shared = useMemo(() => {
    if (!look.shared) return undefined;
    // Of a kind: an overlay and a picture of pixels have no scale in common.
    const scales = new Map<string, [number, number]>();
    for (const { key } of cards) {
      const map = maps[key];
      if (!map || map.defect === 'not finite') continue;
      const [low, high] = scaleOf(drawable(map));
      const known = scales.get(map.kind) ?? [low, high];
      scales.set(map.kind, [Math.min(low, known[0]), Math.max(high, known[1])]);
    }
    return scales;
  }, [look.shared, maps, cards]);
  const change = (key: number, what: Partial<Card>) =>
    setCards(cards.map((card) => (card.key === key ? { ...card, ...what } : card)));
  return (
    <section aria-label="Class maps">
      <h2>Class maps</h2>
      <div class="controls">
        <Slider
          label="Overlay"
          value={look.alpha}
          shown={look.alpha.toFixed(2)}
          onChange={(alpha) => setLook({ ...look, alpha })}
        />
        <Choice
          label="Colours"
          value={look.colors}
          options={colorMapNames.map((name) => [name, name === 'jet' ? 'jet (not for all eyes)' : name])}
          onChange={(colors) => setLook({ ...look, colors: colors as ColorMapName })}
        />
        <label>
          <input
            type="checkbox"
            checked={look.shared}
            onChange={(event) => setLook({ ...look, shared: event.currentTarget.checked })}
          />{' '}
          one scale for all
        </label>
        <label>
          <input
            type="checkbox"
            checked={look.threshold !== undefined}
            onChange={(event) =>
              setLook({ ...look, threshold: event.currentTarget.checked ? 0.2 : undefined })
            }
          />{' '}
          box
        </label>
        {look.threshold !== undefined && (
          <Slider
            label="Threshold"
            value={look.threshold}
            shown={look.threshold.toFixed(2)}
            onChange={(threshold) => setLook({ ...look, threshold })}
          />
        )}
        <button
          type="button"
          onClick={() => {
            nextKey++;
            setCards([...cards, { ...cards.at(-1)!, key: nextKey }]);
          }}
        >
          One more map
        </button>
      </div>
      <ul class="map-cards">
        {cards.map((card) => (
          <MapCard
            key={card.key}
            card={card}
            engine={engine}
            image={image}
            picture={picture}
            class={card.class ?? props.class}
            network={props.network ?? 0}
            look={look}
            scale={maps[card.key] && shared?.get(maps[card.key]!.kind)}
            at={at}
            onPoint={setAt}
            onMap={(map) => setMaps((known) => ({ ...known, [card.key]: map }))}
            onChange={(what) => change(card.key, what)}
            onRemove={
              cards.length > 1 ? () => setCards(cards.filter(({ key }) => key !== card.key)) : undefined
            }
            layers={layers}
          />
        ))}
      </ul>
    </section>
  );
}

function MapCard(props: {
  readonly card: Card;
  readonly engine: Engine;
  readonly image: ShownImage;
  readonly picture: RgbImage;
  readonly class: number;
  readonly network: number;
  readonly look: Look;
  readonly scale: readonly [number, number] | undefined;
  readonly at: Place;
  readonly onPoint: (place: Place) => void;
  readonly onMap: (map: MapView) => void;
  readonly onChange: (what: Partial<Card>) => void;
  readonly onRemove: (() => void) | undefined;
  readonly layers: readonly string[];
}) {
  const { card, engine, image, picture, look, scale, at } = props;
  const { classes, methods, imageSize } = engine.network;
  const method = methods.find(({ name }) => name === card.method)!;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { value, error, busy } = useAnswer(
    async (signal) => {
      const job = {
        kind: 'map' as const,
        method: card.method,
        class: props.class,
        ...(method.group === 'class-maps' && card.layer !== '' && { layer: card.layer }),
        // Enough to see by; the program explain takes as many as the paper.
        ...(method.group === 'model-agnostic' && { samples: 200 }),
      };
      const map = await engine.look(image, job, { network: props.network, signal });
      props.onMap(map);
      return map;
    },
    [engine, image.id, card.method, card.layer, props.class, props.network],
  );
  const drawn = useMemo(
    () => value && pictureOfMap(value, picture, { alpha: look.alpha, colors: look.colors, scale }),
    [value, picture, look.alpha, look.colors, scale?.[0], scale?.[1]],
  );
  const box = useMemo(
    () => (value && look.threshold !== undefined ? boxOf(value, imageSize, look.threshold) : undefined),
    [value, look.threshold],
  );
  const under = value && at ? valueAt(value, at) : undefined;
  const name = `${image.name}-${classes[props.class]}-${card.method}`;
  return (
    <li class="map-card" data-method={card.method} aria-busy={busy}>
      <Choice
        label="Method"
        value={card.method}
        options={methods.map(({ name, title, slow, groupTitle }) => [
          name,
          slow ? `${title} (slow)` : title,
          groupTitle,
        ])}
        onChange={(chosen) => props.onChange({ method: chosen })}
      />
      {method.group === 'class-maps' && props.layers.length > 0 && (
        <Choice
          label="Layer"
          value={card.layer}
          options={props.layers.map((layer) => [layer, layer])}
          onChange={(layer) => props.onChange({ layer })}
        />
      )}
      <Choice
        label="Class"
        value={card.class === undefined ? '' : String(card.class)}
        options={[
          ['', `chosen above (${classes[props.class]})`],
          ...classes.map((title, c) => [String(c), title] as const),
        ]}
        onChange={(c) => props.onChange({ class: c === '' ? undefined : Number(c) })}
      />
      <Picture
        picture={drawn ?? picture}
        label={`${method.title} of ${classes[props.class]}`}
        grid={imageSize}
        at={at}
        onPoint={props.onPoint}
        canvasRef={canvas}
      >
        {box && (
          <svg class="over" viewBox={`0 0 ${imageSize[1]} ${imageSize[0]}`} aria-hidden="true">
            <rect class="rim" x={box[0]} y={box[1]} width={box[2] - box[0]} height={box[3] - box[1]} />
            <rect class="predicted" x={box[0]} y={box[1]} width={box[2] - box[0]} height={box[3] - box[1]} />
          </svg>
        )}
      </Picture>
      <Trouble error={error} />
      {value && (
        <p class="readout">
          {under === undefined ? (
            <span>
              {short(scaleOf(drawable(value))[0])} … {short(scaleOf(drawable(value))[1])}
            </span>
          ) : (
            <output data-value={under.value}>
              {short(under.value)} at {under.y}, {under.x}
            </output>
          )}
          {value.defect === 'dead' && <strong> dead: of one value all over</strong>}
          {value.defect === 'not finite' && <strong> holds values that are not finite</strong>}
          {box && (
            <span>
              {' '}
              box {box[2] - box[0] + 1}×{box[3] - box[1] + 1}
            </span>
          )}
        </p>
      )}
      <p class="row">
        <button
          type="button"
          disabled={!drawn}
          onClick={async () => save(await pngOf(canvas.current!), `${name}.png`)}
        >
          PNG
        </button>
        <button
          type="button"
          disabled={!drawn}
          onClick={() =>
            save(
              svgOf(canvas.current!, `${method.title}, ${classes[props.class]}`, box, imageSize),
              `${name}.svg`,
            )
          }
        >
          SVG
        </button>
        {props.onRemove && (
          <button type="button" aria-label={`Remove the map of ${method.title}`} onClick={props.onRemove}>
            Remove
          </button>
        )}
      </p>
    </li>
  );
}

/** What a map says at a place: the cell of the map that the pointer is in; of pixels the largest channel. */
function valueAt({ shape, values }: MapView, [v, u]: NonNullable<Place>) {
  const [height, width, channels = 1] = shape as [number, number, number?];
  const [y, x] = [Math.floor(v * height), Math.floor(u * width)];
  const cell = values.subarray((y * width + x) * channels, (y * width + x + 1) * channels);
  const value = cell.reduce((most, one) => (Math.abs(one) > Math.abs(most) ? one : most), 0);
  return { value, y, x };
}

/** The box of the largest contour above a share of the largest value, as the evaluation measures it. */
function boxOf(map: MapView, [height, width]: readonly [number, number], threshold: number) {
  if (map.shape.length !== 2) return undefined;
  const [h, w] = map.shape as [number, number];
  const resized = resizeMap({ data: map.values, height: h, width: w }, height, width);
  const normalized = Float32Array.from(byteMap(resized.data), (value) => value / 255);
  return boxesFromMap(normalized, height, width, threshold).largest;
}

/** The picture in a drawing, with its box as a shape and its title. */
function svgOf(
  canvas: HTMLCanvasElement,
  title: string,
  box: readonly [number, number, number, number] | undefined,
  [height, width]: readonly [number, number],
): Blob {
  const escaped = title.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const scale = canvas.width / width;
  const frame =
    box &&
    `<rect x="${box[0] * scale}" y="${box[1] * scale}" width="${(box[2] - box[0]) * scale}" height="${(box[3] - box[1]) * scale}" fill="none" stroke="#fff" stroke-width="2"/>`;
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${canvas.width} ${(height / width) * canvas.width + 20}"><title>${escaped}</title><image width="${canvas.width}" height="${canvas.height}" href="${canvas.toDataURL('image/png')}"/>${frame ?? ''}<text x="4" y="${canvas.height + 15}" font-family="sans-serif" font-size="12">${escaped}</text></svg>`;
  return new Blob([text], { type: 'image/svg+xml' });
}
