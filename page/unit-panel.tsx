import { useMemo, useState } from 'preact/hooks';
import { type Term, type UnitPixel, type UnitView, unitPixel } from '../src/explore/core.ts';
import { pictureOfPixels, pictureOfValues, rangeOf, short } from './draw.ts';
import type { Engine, ShownImage } from './engine.ts';
import { Picture, type Place, Trouble, useAnswer } from './parts.tsx';
import { RemoteEngine } from './remote-engine.ts';
import { TopImages } from './top-images.tsx';

/** Channels whose windows are shown, those that count most. */
const shownChannels = 6;

/** A unit: its map, and, following the pointer, how a pixel of it comes about. */
export function UnitPanel(props: {
  readonly engine: Engine;
  readonly image: ShownImage;
  readonly node: string;
  readonly channel: number;
}) {
  const { engine, image, node, channel } = props;
  const [at, setAt] = useState<Place>();
  // The last place stays: the numbers can be read with the pointer elsewhere.
  const point = (place: Place) => place && setAt(place);
  const { value, error, busy } = useAnswer(
    (signal) => engine.look(image, { kind: 'unit', node, channel }, { signal }),
    [engine, image.id, node, channel],
  );
  const place = useMemo((): readonly [number, number] | undefined => {
    if (!value) return undefined;
    const { height, width, values } = value.output;
    if (at)
      return [
        Math.min(height - 1, Math.floor(at[0] * height)),
        Math.min(width - 1, Math.floor(at[1] * width)),
      ];
    // Begins where it answers most.
    const best = values.indexOf(Math.max(...values));
    return best < 0 ? [0, 0] : [Math.floor(best / width), best % width];
  }, [value, at]);
  const pixel = useMemo(() => value && place && unitPixel(value, place[0], place[1]), [value, place]);
  const picture = useMemo(
    () => value && pictureOfValues(value.output.values, value.output.height, value.output.width, 'viridis'),
    [value],
  );
  const isMap = value && value.output.height * value.output.width > 1;
  return (
    <section
      class="unit-panel"
      aria-label={`Unit ${channel} of ${node}`}
      aria-busy={busy}
      data-node={node}
      data-channel={channel}
    >
      <h4>
        Unit {channel} of {node}
      </h4>
      <Trouble error={error} />
      {value && place && pixel && (
        <div class="unit">
          {isMap && picture && (
            <div>
              <Picture
                picture={picture}
                label={`Map ${channel} of ${node}; the arrow keys move the pixel`}
                grid={[value.output.height, value.output.width]}
                at={[(place[0] + 0.5) / value.output.height, (place[1] + 0.5) / value.output.width]}
                onPoint={point}
                className="large"
              />
              <small>
                {value.output.height}×{value.output.width}, {short(rangeOf(value.output.values)[0])} …{' '}
                {short(rangeOf(value.output.values)[1])}
              </small>
            </div>
          )}
          <Making unit={value} pixel={pixel} place={place} />
        </div>
      )}
      {value && isMap && place && (
        <More engine={engine} image={image} node={node} channel={channel} place={place} />
      )}
    </section>
  );
}

/** The sum of one pixel in words and numbers. */
function Making(props: {
  readonly unit: UnitView;
  readonly pixel: UnitPixel;
  readonly place: readonly [number, number];
}) {
  const { unit, pixel, place } = props;
  const { making } = unit;
  const activation = 'activation' in making ? making.activation : 'linear';
  return (
    <div class="making">
      <p>
        Pixel {place[0]}, {place[1]}: {sentence(unit)}
      </p>
      <dl class="sum">
        {pixel.sum !== null && (
          <div>
            <dt>
              {making.kind === 'sum' ? 'sum' : 'sum of '}
              {making.kind !== 'sum' && `${pixel.terms.length.toLocaleString('en')} products`}
            </dt>
            <dd data-number="sum">{short(pixel.sum)}</dd>
          </div>
        )}
        {pixel.bias !== null && (
          <div>
            <dt>{making.kind === 'normalization' ? 'shift' : 'bias'}</dt>
            <dd data-number="bias">{short(pixel.bias)}</dd>
          </div>
        )}
        <div>
          <dt>before the activation</dt>
          <dd data-number="before">{short(pixel.before)}</dd>
        </div>
        <div>
          <dt>after {activation === 'linear' ? 'it (there is none)' : activation}</dt>
          <dd data-number="after" data-exact={pixel.after}>
            {short(pixel.after)}
          </dd>
        </div>
        <div>
          <dt>the engine says</dt>
          <dd data-number="engine" data-exact={pixel.engine}>
            {short(pixel.engine)}
          </dd>
        </div>
      </dl>
      {pixel.window && pixel.terms.length > 0 && making.kind === 'convolution' && (
        <Windows terms={pixel.terms} window={pixel.window} unit={unit} />
      )}
      {making.kind === 'pooling' && pixel.terms.length <= 64 && <Values terms={pixel.terms} />}
      {making.kind === 'dense' && <Products terms={pixel.terms} />}
      {(making.kind === 'normalization' || making.kind === 'activation' || making.kind === 'sum') && (
        <Products terms={pixel.terms} />
      )}
    </div>
  );
}

function sentence({ making, inputs, op }: UnitView): string {
  const [input] = inputs;
  switch (making.kind) {
    case 'convolution':
      return `a window of ${making.geometry.size.join('×')} over ${input!.channels} ${input!.channels === 1 ? 'channel' : 'channels'} of ${input!.node}, times the kernel.`;
    case 'pooling':
      return `the ${making.of === 'max' ? 'largest value' : 'mean'} of a window of ${making.geometry.size.join('×')} of channel ${input!.first} of ${input!.node}.`;
    case 'normalization':
      return `the value, less the mean ${short(making.mean)}, over the spread √(${short(making.variance)} + ${short(making.epsilon)}), times ${short(making.scale)}, plus ${short(making.shift)}.`;
    case 'activation':
      return `${making.activation} of the value of ${input!.node}.`;
    case 'dense':
      return `all ${making.kernel.length.toLocaleString('en')} values of ${input!.node}, each times its weight.`;
    case 'sum':
      return `the sum of ${inputs.map(({ node }) => node).join(' and ')}.`;
    case 'values':
      return `what ${op} makes of it; how is not shown for this kind of layer.`;
  }
}

/** Window and kernel side by side, for the channels whose products count most. */
function Windows(props: {
  readonly terms: readonly Term[];
  readonly window: readonly [number, number];
  readonly unit: UnitView;
}) {
  const { terms, window, unit } = props;
  const size = window[0] * window[1];
  const channels = terms.length / size;
  const sums = Array.from({ length: channels }, (_, c) =>
    terms.slice(c * size, (c + 1) * size).reduce((sum, { value, weight }) => sum + value * weight, 0),
  );
  const order = [...sums.keys()].sort((a, b) => Math.abs(sums[b]!) - Math.abs(sums[a]!) || a - b);
  const shown = order.slice(0, shownChannels);
  const weights = rangeOf(Float32Array.from(terms, ({ weight }) => weight));
  const peak = Math.max(Math.abs(weights[0]), Math.abs(weights[1]));
  return (
    <div class="scrolls">
      <table class="windows">
        <caption>
          Window × kernel of {shown.length} of {channels} {channels === 1 ? 'channel' : 'channels'}, those
          that count most
        </caption>
        <thead>
          <tr>
            <th scope="col">channel of {unit.inputs[0]!.node}</th>
            <th scope="col">window</th>
            <th scope="col">kernel</th>
            <th scope="col">sum of products</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((c) => {
            const own = terms.slice(c * size, (c + 1) * size);
            return (
              <tr key={c}>
                <th scope="row">{own[0]!.channel}</th>
                <td>
                  <Grid terms={own} columns={window[1]} of="value" />
                </td>
                <td>
                  <Grid terms={own} columns={window[1]} of="weight" peak={peak} />
                </td>
                <td class="number">{short(sums[c]!)}</td>
              </tr>
            );
          })}
          {order.length > shown.length && (
            <tr>
              <th scope="row">{order.length - shown.length} others</th>
              <td />
              <td />
              <td class="number">
                {short(order.slice(shownChannels).reduce((sum, c) => sum + sums[c]!, 0))}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function Grid(props: {
  readonly terms: readonly Term[];
  readonly columns: number;
  readonly of: 'value' | 'weight';
  readonly peak?: number;
}) {
  const { terms, columns, of, peak } = props;
  const small = columns <= 5;
  return (
    <div
      class="number-grid"
      style={{ gridTemplateColumns: `repeat(${columns}, ${small ? '4.6em' : '0.9em'})` }}
    >
      {terms.map((term, i) => {
        const value = term[of];
        const strength = peak ? Math.min(1, Math.abs(value) / peak) : 0;
        const sign = value < 0 ? 'negative' : 'positive';
        return (
          <span
            key={i}
            class={`cell ${term.place ? '' : 'outside'} ${peak ? sign : ''}`}
            style={peak ? { '--strength': `${Math.round(60 * strength)}%` } : undefined}
            title={`${short(term.value)} × ${short(term.weight)}${term.place ? '' : ' (outside of the map)'}`}
          >
            {small ? rounded(value) : ''}
          </span>
        );
      })}
    </div>
  );
}

/** Three digits, to fit. */
function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function Values({ terms }: { readonly terms: readonly Term[] }) {
  const columns = new Set(terms.map(({ place }) => place![1])).size;
  return <Grid terms={terms} columns={columns} of="value" />;
}

/** The products that count most, as bars. */
function Products({ terms }: { readonly terms: readonly Term[] }) {
  const order = [...terms]
    .sort((a, b) => Math.abs(b.value * b.weight) - Math.abs(a.value * a.weight))
    .slice(0, 12);
  const peak = Math.max(1e-12, ...order.map(({ value, weight }) => Math.abs(value * weight)));
  return (
    <ul class="bars">
      {order.map(({ channel, input, value, weight }) => {
        const product = value * weight;
        return (
          <li key={`${input} ${channel}`}>
            <span class="bar-line">
              <span class="bar-name">{channel}</span>
              <span class="bar-room">
                <span
                  class={product < 0 ? 'bar negative' : 'bar'}
                  style={{ width: `${(50 * Math.abs(product)) / peak}%` }}
                />
              </span>
              <span class="number">
                {short(value)} × {short(weight)} = {short(product)}
              </span>
            </span>
          </li>
        );
      })}
      {terms.length > order.length && (
        <li class="bar-line">and {terms.length - order.length} smaller ones</li>
      )}
    </ul>
  );
}

/** What takes longer, and is made when it is asked for. */
function More(props: {
  readonly engine: Engine;
  readonly image: ShownImage;
  readonly node: string;
  readonly channel: number;
  readonly place: readonly [number, number];
}) {
  const { engine, image, node, channel, place } = props;
  const [shown, setShown] = useState<'patch' | 'best' | 'top'>();
  const data = engine instanceof RemoteEngine ? engine.view.data : null;
  const { value, error, busy } = useAnswer(
    shown === 'patch'
      ? async (signal) => {
          const job = { kind: 'project' as const, layer: node, channel, position: place };
          return (await engine.look(image, job, { signal })).pixels;
        }
      : shown === 'best'
        ? async (signal) =>
            (await engine.look(image, { kind: 'maximize', layer: node, channel }, { signal })).pixels
        : undefined,
    [
      engine,
      shown,
      image.id,
      node,
      channel,
      shown === 'patch' ? place[0] : 0,
      shown === 'patch' ? place[1] : 0,
    ],
  );
  const picture = useMemo(() => {
    const { imageSize } = engine.network;
    if (!value) return undefined;
    if (shown === 'patch') return pictureOfPixels(value, imageSize);
    const channels = value.length / (imageSize[0] * imageSize[1]);
    const data = Uint8Array.from({ length: imageSize[0] * imageSize[1] * 3 }, (_, i) =>
      Math.round(255 * value[Math.floor(i / 3) * channels + ((i % 3) % channels)]!),
    );
    return { data, height: imageSize[0], width: imageSize[1] };
  }, [value]);
  const toggle = (what: NonNullable<typeof shown>) => setShown(shown === what ? undefined : what);
  return (
    <div class="more" aria-busy={busy}>
      <p class="row">
        <button type="button" aria-pressed={shown === 'patch'} onClick={() => toggle('patch')}>
          What in the image it answers to here
        </button>
        <button type="button" aria-pressed={shown === 'best'} onClick={() => toggle('best')}>
          An image that excites it
        </button>
        {data && (
          <button type="button" aria-pressed={shown === 'top'} onClick={() => toggle('top')}>
            Images that it answers to most
          </button>
        )}
      </p>
      {busy && shown !== 'top' && <p role="status">Computing…</p>}
      <Trouble error={error} />
      {picture && shown !== 'top' && (
        <Picture
          picture={picture}
          label={
            shown === 'patch'
              ? 'The unit, projected back by the deconvolution network'
              : 'Made by activation maximisation'
          }
          className="large"
        />
      )}
      {shown === 'top' && data && engine instanceof RemoteEngine && (
        <TopImages engine={engine} layer={node} channel={channel} />
      )}
    </div>
  );
}
