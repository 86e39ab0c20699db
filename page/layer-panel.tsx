import { useMemo, useState } from 'preact/hooks';
import type { LayerView } from '../src/explore/core.ts';
import { percent, pictureOfValues, rangeOf, short } from './draw.ts';
import type { Engine, ShownImage } from './engine.ts';
import { Picture, Trouble, useAnswer } from './parts.tsx';
import { UnitPanel } from './unit-panel.tsx';

/** Maps on one page. */
const atOnce = 48;

/** All that a layer answers to the image: its maps, or its values as bars. A click on one shows how it comes about. */
export function LayerPanel(props: {
  readonly engine: Engine;
  readonly image: ShownImage;
  readonly node: string;
  readonly onClose: () => void;
}) {
  const { engine, image, node, onClose } = props;
  const members = engine.network.nodes;
  const found = members.find(({ name }) => name === node);
  const [unit, setUnit] = useState<{ readonly node: string; readonly channel: number }>();
  const [first, setFirst] = useState(0);
  const [own, setOwn] = useState(true);
  const { value, error, busy } = useAnswer(
    (signal) => engine.look(image, { kind: 'layer', node }, { signal }),
    [engine, image.id, node],
  );
  const chosen = unit?.node === node ? unit.channel : undefined;
  return (
    <section class="layer-panel" aria-label={`Layer ${node}`} aria-busy={busy} data-node={node}>
      <header class="row">
        <h3>{node}</h3>
        <small>
          {found?.op}
          {value && `, ${value.shape.join('×')}`}
          {found && found.parameters > 0 && `, ${found.parameters.toLocaleString('en')} parameters`}
        </small>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </header>
      <Trouble error={error} />
      {value && value.shape.length === 3 && (
        <>
          <p class="row">
            <label>
              <input
                type="checkbox"
                checked={own}
                onChange={(event) => setOwn(event.currentTarget.checked)}
              />{' '}
              each map on its own scale
            </label>
            {value.shape[2]! > atOnce && (
              <>
                <button type="button" disabled={first === 0} onClick={() => setFirst(first - atOnce)}>
                  ‹
                </button>
                <small>
                  {first} to {Math.min(value.shape[2]!, first + atOnce) - 1} of {value.shape[2]}
                </small>
                <button
                  type="button"
                  disabled={first + atOnce >= value.shape[2]!}
                  onClick={() => setFirst(first + atOnce)}
                >
                  ›
                </button>
              </>
            )}
          </p>
          <Maps
            view={value}
            first={first}
            own={own}
            chosen={chosen}
            onChoose={(channel) => setUnit({ node, channel })}
          />
        </>
      )}
      {value && value.shape.length !== 3 && (
        <Bars
          view={value}
          classes={value.values.length === engine.network.classes.length ? engine.network.classes : undefined}
          chosen={chosen}
          onChoose={(channel) => setUnit({ node, channel })}
        />
      )}
      {chosen !== undefined && <UnitPanel engine={engine} image={image} node={node} channel={chosen} />}
    </section>
  );
}

function Maps(props: {
  readonly view: LayerView;
  readonly first: number;
  readonly own: boolean;
  readonly chosen: number | undefined;
  readonly onChoose: (channel: number) => void;
}) {
  const { view, first, own, chosen, onChoose } = props;
  const [height, width, channels] = view.shape as [number, number, number];
  const whole = useMemo(() => rangeOf(view.values), [view]);
  const tiles = useMemo(
    () =>
      Array.from({ length: Math.min(atOnce, channels - first) }, (_, i) => {
        const channel = first + i;
        const values = Float32Array.from(
          { length: height * width },
          (_, at) => view.values[at * channels + channel]!,
        );
        const range = rangeOf(values);
        return {
          channel,
          range,
          picture: pictureOfValues(values, height, width, 'viridis', own ? range : whole),
        };
      }),
    [view, first, own],
  );
  return (
    <ul class="maps">
      {tiles.map(({ channel, range, picture }) => (
        <li key={channel}>
          <button
            type="button"
            aria-pressed={chosen === channel}
            title={`from ${short(range[0])} to ${short(range[1])}`}
            data-channel={channel}
            onClick={() => onChoose(channel)}
          >
            <Picture picture={picture} label={`map ${channel}`} />
            <small>
              {channel} <span class={range[0] === range[1] ? 'flat' : ''}>{short(range[1])}</span>
            </small>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** A vector: the largest values by magnitude, as bars to the left and the right of 0. */
function Bars(props: {
  readonly view: LayerView;
  readonly classes: readonly string[] | undefined;
  readonly chosen: number | undefined;
  readonly onChoose: (channel: number) => void;
}) {
  const { view, classes, chosen, onChoose } = props;
  const most = 64;
  const order = useMemo(
    () =>
      [...view.values.keys()]
        .sort((a, b) => Math.abs(view.values[b]!) - Math.abs(view.values[a]!) || a - b)
        .slice(0, most),
    [view],
  );
  const peak = Math.max(1e-12, ...order.map((i) => Math.abs(view.values[i]!)));
  return (
    <>
      {view.values.length > most && (
        <small>
          The {most} largest of {view.values.length} values ({percent(most / view.values.length)}).
        </small>
      )}
      <ul class="bars">
        {order.map((i) => {
          const value = view.values[i]!;
          return (
            <li key={i}>
              <button type="button" aria-pressed={chosen === i} data-channel={i} onClick={() => onChoose(i)}>
                <span class="bar-name">{classes?.[i] ?? i}</span>
                <span class="bar-room">
                  <span
                    class={value < 0 ? 'bar negative' : 'bar'}
                    style={{ width: `${(50 * Math.abs(value)) / peak}%` }}
                  />
                </span>
                <span class="number">{short(value)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}
