import { useMemo, useRef } from 'preact/hooks';
import { boxesOf, type LayoutPart, layoutNetwork, linesOf, type Placed } from '../src/explain/core.ts';
import type { NetworkView, Strip, StripsView } from '../src/explore/core.ts';
import { colorOf } from '../src/pictures/core.ts';
import { save } from './draw.ts';

/** Pixels. */
const box = { width: 262, height: 104, strip: 40 };
const rowGap = 24;
const margin = 14;

/**
 * The network layer by layer, from the input to the scores, with the maps of the image in every box. A click on a box
 * opens all of its maps.
 */
export function NetworkDrawing(props: {
  readonly network: NetworkView;
  readonly strips: StripsView | undefined;
  readonly chosen: string | undefined;
  readonly onChoose: (node: string) => void;
}) {
  const { network, strips, chosen, onChoose } = props;
  const whole = useRef<HTMLDivElement>(null);
  const parts = useMemo(() => {
    const layout = { boxWidth: box.width, gap: 18, edgeWidth: 14, rows: 8 };
    return layoutNetwork(boxesOf(network.nodes), layout);
  }, [network]);
  const pictures = useMemo(
    () => new Map(strips?.strips.map((strip) => [strip.box, { strip, images: imagesOf(strip) }])),
    [strips],
  );
  return (
    <>
      <p class="row">
        <button type="button" onClick={() => save(figureOf(whole.current!), `${network.name}-network.svg`)}>
          Save as SVG
        </button>
        <small>
          Every box opens all of its maps.{' '}
          {parts.length > 1 && 'Each part goes on where the one before it ends.'}
        </small>
      </p>
      <div class="network" ref={whole}>
        {parts.map((part, i) => (
          <div class="scrolls" key={i}>
            <Part
              part={part}
              label={`Network, part ${i + 1} of ${parts.length}`}
              pictures={pictures}
              chosen={chosen}
              target={network.targetLayer}
              onChoose={onChoose}
            />
          </div>
        ))}
      </div>
    </>
  );
}

interface Pictures {
  readonly strip: Strip;
  /** Addresses of data, one per map. */
  readonly images: readonly string[];
}

function Part(props: {
  readonly part: LayoutPart;
  readonly label: string;
  readonly pictures: ReadonlyMap<string, Pictures>;
  readonly chosen: string | undefined;
  readonly target: string | null;
  readonly onChoose: (node: string) => void;
}) {
  const { part, pictures, chosen, target, onChoose } = props;
  const width = part.width + 2 * margin;
  const height = part.rows.length * (box.height + rowGap) + rowGap;
  const top = (row: number) => rowGap + row * (box.height + rowGap);
  const boxes = part.rows.flatMap((row, r) =>
    row.flatMap((place) => (place.box ? [{ place, box: place.box, y: top(r) }] : [])),
  );
  return (
    // biome-ignore lint/a11y/useSemanticElements: a drawing is grouped by no fieldset
    <svg
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="group"
      aria-label={props.label}
    >
      {part.edges.map((edge, i) => (
        <path key={i} class="edge" d={edgePath(edge, top)} />
      ))}
      {boxes.map(({ place, box: content, y }) => {
        const left = place.x + margin - box.width / 2;
        const [name, kinds, shape] = linesOf(content);
        const found = pictures.get(content.id);
        const node = content.members.at(-1)!.name;
        const is = content.members.some((member) => member.name === chosen);
        const explained = content.members.some((member) => member.name === target);
        const open = () => onChoose(node);
        return (
          // biome-ignore lint/a11y/useSemanticElements: a drawing has no buttons of its own
          <g
            key={content.id}
            class={`layer-box${is ? ' chosen' : ''}`}
            role="button"
            tabindex={0}
            data-node={node}
            aria-description={explained ? 'explained by the class maps' : undefined}
            aria-pressed={is}
            onClick={open}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' && event.key !== ' ') return;
              event.preventDefault();
              open();
            }}
          >
            <rect
              class={explained ? 'box target' : 'box'}
              x={left}
              y={y}
              width={box.width}
              height={box.height}
              rx="4"
            />
            <text class="name" x={left + 10} y={y + 17}>
              {cut(name, 34)}
            </text>
            <text class="kinds" x={left + 10} y={y + 33}>
              {cut(kinds, 41)}
            </text>
            <text class="quiet" x={left + 10} y={y + 48}>
              {cut(shape, 41)}
            </text>
            {found && <Maps {...found} left={left + 10} top={y + 55} />}
          </g>
        );
      })}
    </svg>
  );
}

function Maps({ strip, images, left, top }: Pictures & { readonly left: number; readonly top: number }) {
  const vector = strip.height === 1;
  const width = vector ? box.width - 20 : Math.min(60, (box.strip * strip.width) / strip.height);
  return (
    <>
      {images.map((address, i) => (
        <image
          key={i}
          href={address}
          x={left + i * (width + 5)}
          y={top}
          width={width}
          height={vector ? 16 : box.strip}
          preserveAspectRatio="none"
          class="pixels"
        />
      ))}
    </>
  );
}

/** Small pictures of the maps of a box. */
function imagesOf(strip: Strip): string[] {
  const size = strip.height * strip.width;
  return strip.channels.map((_, i) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [strip.width, strip.height];
    const pixels = new ImageData(strip.width, strip.height);
    for (let at = 0; at < size; at++) {
      const color = colorOf(strip.pixels[i * size + at]! / 255, 'viridis');
      pixels.data.set([...color, 255], 4 * at);
    }
    canvas.getContext('2d')!.putImageData(pixels, 0, 0);
    return canvas.toDataURL('image/png');
  });
}

function edgePath(
  edge: readonly { readonly row: number; readonly place: Placed }[],
  top: (row: number) => number,
) {
  const points = edge.map(({ row, place }) => ({ x: place.x + margin, y: top(row) }));
  const first = points[0]!;
  let path = `M${first.x} ${first.y + box.height}`;
  for (const [i, { x, y }] of points.slice(1).entries()) {
    const from = points[i]!;
    const middle = (from.y + box.height + y) / 2;
    path += `C${from.x} ${middle} ${x} ${middle} ${x} ${y}`;
    if (i < points.length - 2) path += `V${y + box.height}`;
  }
  return path;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** All parts one below the other in a drawing that needs no style sheet. */
function figureOf(whole: HTMLElement): Blob {
  let [top, width] = [0, 0];
  const inner = [...whole.querySelectorAll('svg')].map((svg) => {
    const group = `<g transform="translate(0 ${top})">${svg.innerHTML}</g>`;
    top += svg.viewBox.baseVal.height;
    width = Math.max(width, svg.viewBox.baseVal.width);
    return group;
  });
  const style =
    'text{font:12px sans-serif;fill:#1b1f24}.name{font-weight:bold}.quiet{fill:#57606a}.box{fill:#fff;stroke:#57606a}' +
    '.target{stroke-width:3}.edge{fill:none;stroke:#57606a}.pixels{image-rendering:pixelated}';
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}"><style>${style}</style>${inner.join('')}</svg>`;
  return new Blob([text], { type: 'image/svg+xml' });
}
