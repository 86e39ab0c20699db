import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RgbImage } from '../src/pictures/core.ts';
import { paint } from './draw.ts';

/** What is asked for, and what has come of it. */
export interface Answer<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
}

/**
 * Asks when what it depends on changes; what nobody waits for any more is called off. The last answer stays until the
 * next one is there.
 */
export function useAnswer<T>(
  ask: ((signal: AbortSignal) => Promise<T>) | undefined,
  dependencies: readonly unknown[],
): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ value: undefined, error: undefined, busy: false });
  useEffect(() => {
    if (!ask) {
      setAnswer({ value: undefined, error: undefined, busy: false });
      return;
    }
    const controller = new AbortController();
    setAnswer((last) => ({ ...last, error: undefined, busy: true }));
    ask(controller.signal).then(
      (value) => !controller.signal.aborted && setAnswer({ value, error: undefined, busy: false }),
      (error: Error) =>
        !controller.signal.aborted && setAnswer({ value: undefined, error: error.message, busy: false }),
    );
    return () => controller.abort();
  }, dependencies);
  return answer;
}

/** A place of a picture, in shares of its height and width, or undefined when the pointer is elsewhere. */
export type Place = readonly [y: number, x: number] | undefined;

/**
 * A picture that answers to the pointer and to the arrow keys.
 *
 * @param grid height and width of the values behind it: the step of an arrow key
 */
export function Picture(props: {
  readonly picture: RgbImage | undefined;
  readonly label: string;
  readonly grid?: readonly [number, number] | undefined;
  readonly at?: Place;
  readonly onPoint?: ((place: Place) => void) | undefined;
  readonly onPress?: ((place: NonNullable<Place>) => void) | undefined;
  readonly className?: string;
  readonly children?: ComponentChildren;
  readonly canvasRef?: { current: HTMLCanvasElement | null };
}) {
  const own = useRef<HTMLCanvasElement>(null);
  const canvas = props.canvasRef ?? own;
  useEffect(() => {
    if (canvas.current && props.picture) paint(canvas.current, props.picture);
  }, [props.picture]);
  const placeOf = (event: PointerEvent): NonNullable<Place> => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    const hold = (share: number) => Math.min(0.999999, Math.max(0, share));
    return [hold((event.clientY - top) / height), hold((event.clientX - left) / width)];
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!props.grid) return;
    const steps: Record<string, readonly [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const step = steps[event.key];
    const [height, width] = props.grid;
    if (step && props.onPoint) {
      event.preventDefault();
      const [y, x] = props.at ?? [0.5, 0.5];
      const next = (share: number, size: number, by: number) =>
        (Math.min(size - 1, Math.max(0, Math.floor(share * size) + by)) + 0.5) / size;
      props.onPoint([next(y, height, step[0]), next(x, width, step[1])]);
    } else if ((event.key === 'Enter' || event.key === ' ') && props.onPress && props.at) {
      event.preventDefault();
      props.onPress(props.at);
    }
  };
  const active = props.onPoint !== undefined;
  return (
    <span class={`picture ${props.className ?? ''}`}>
      <canvas
        ref={canvas}
        role={active ? 'application' : 'img'}
        aria-label={props.label}
        tabIndex={active ? 0 : undefined}
        onPointerMove={active ? (event) => props.onPoint!(placeOf(event)) : undefined}
        onPointerLeave={active ? () => props.onPoint!(undefined) : undefined}
        onPointerDown={props.onPress ? (event) => props.onPress!(placeOf(event)) : undefined}
        onKeyDown={active ? onKeyDown : undefined}
      />
      {props.at && (
        <span
          class="cross"
          aria-hidden="true"
          style={{ top: `${100 * props.at[0]}%`, left: `${100 * props.at[1]}%` }}
        />
      )}
      {props.children}
    </span>
  );
}

/** What went wrong, as a sentence. */
export function Trouble({ error }: { readonly error: string | undefined }) {
  return error ? (
    <p class="trouble" role="alert">
      {error}
    </p>
  ) : null;
}

/** A slider with its value beside it. */
export function Slider(props: {
  readonly label: string;
  readonly value: number;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly shown?: string;
  readonly onChange: (value: number) => void;
}) {
  const { min = 0, max = 1, step = 0.01 } = props;
  return (
    <label class="slider">
      <span>{props.label}</span>
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={props.value}
        onInput={(event) => props.onChange(Number(event.currentTarget.value))}
      />
      <output>{props.shown ?? props.value}</output>
    </label>
  );
}

export function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string, group?: string])[];
  readonly onChange: (value: string) => void;
}) {
  const groups = [...new Set(props.options.map(([, , group]) => group))];
  return (
    <label class="choice">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        {groups.map((group) => {
          const options = props.options
            .filter(([, , of]) => of === group)
            .map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ));
          return group ? (
            <optgroup key={group} label={group}>
              {options}
            </optgroup>
          ) : (
            options
          );
        })}
      </select>
    </label>
  );
}
