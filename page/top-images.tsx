import { useMemo, useState } from 'preact/hooks';
import type { TopImage } from '../src/explore/core.ts';
import { short } from './draw.ts';
import { Choice, Picture, Trouble, useAnswer } from './parts.tsx';
import type { RemoteEngine } from './remote-engine.ts';

/** The images of a split that a unit answers to most, and what in each: the receptive field of the place. */
export function TopImages(props: {
  readonly engine: RemoteEngine;
  readonly layer: string;
  readonly channel: number;
}) {
  const { engine, layer, channel } = props;
  const splits = engine.view.data!.splits.filter(({ examples }) => examples > 0);
  const [split, setSplit] = useState(splits.find(({ name }) => name === 'val')?.name ?? splits[0]!.name);
  const { value, error, busy } = useAnswer(
    (signal) => engine.tops(layer, channel, split, signal),
    [engine, layer, channel, split],
  );
  return (
    <section aria-label="Images that it answers to most" aria-busy={busy}>
      <Choice
        label="Split"
        value={split}
        options={splits.map(({ name }) => [name, name])}
        onChange={setSplit}
      />
      {busy && <p role="status">Looking through the images…</p>}
      <Trouble error={error} />
      {value && (
        <>
          <ul class="maps">
            {value.top.map((one) => (
              <li key={one.id}>
                <Tile top={one} size={engine.network.imageSize} />
                <small>{short(one.value)}</small>
              </li>
            ))}
          </ul>
          <small>
            {value.top.length === 0 ? 'It answers 0 to all of them. ' : ''}Of {value.of} images; the frame is
            what the unit sees.
          </small>
        </>
      )}
    </section>
  );
}

function Tile({
  top,
  size: [height, width],
}: {
  readonly top: TopImage;
  readonly size: readonly [number, number];
}) {
  const picture = useMemo(() => {
    const channels = top.pixels.length / (height * width);
    const data = Uint8Array.from({ length: height * width * 3 }, (_, i) =>
      Math.round(255 * top.pixels[Math.floor(i / 3) * channels + ((i % 3) % channels)]!),
    );
    return { data, height, width };
  }, [top]);
  const { window } = top;
  return (
    <Picture picture={picture} label={top.id}>
      <svg class="over" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <rect class="rim" x={window.left} y={window.top} width={window.width} height={window.height} />
        <rect class="predicted" x={window.left} y={window.top} width={window.width} height={window.height} />
      </svg>
    </Picture>
  );
}
