import { SingleBar } from 'cli-progress';

/** Shows how far a long job is: a bar on a terminal, a plain line now and then elsewhere; both on stderr. */
export interface Progress {
  /** Moves to `value` of the total; `detail` is shown beside it: as many of its parts, between two blanks, as there is room for. */
  update(value: number, detail?: string): void;
  /** Writes a line of its own; a bar goes on below it. */
  line(text: string): void;
  /** Ends the bar; what is printed afterwards begins on a line of its own. */
  stop(): void;
}

export interface ProgressOptions {
  /** @default process.stderr */
  readonly stream?: NodeJS.WriteStream;
  /** Seconds between two plain lines. @default 10 */
  readonly lineEvery?: number;
  /** What this job is a part of: its time left is shown too. */
  readonly whole?: Whole | undefined;
}

/** A job of several parts, such as the epochs of a run; in the units of its parts. */
export interface Whole {
  /** As it is called: `run`. */
  readonly label: string;
  readonly total: number;
  /** Done before this part. */
  readonly before: number;
  /** When it began, of `Date.now()`, and what was done then already. */
  readonly since: number;
  readonly sinceDone: number;
}

/** Seconds left of the whole at the pace since it began; undefined before anything is done. */
function leftOf({ total, before, since, sinceDone }: Whole, value: number): number | undefined {
  const done = before + value - sinceDone;
  if (done <= 0) return undefined;
  return ((Date.now() - since) / 1000 / done) * Math.max(0, total - before - value);
}

/**
 * Starts a progress display.
 *
 * @param label what is going on, e.g. `epoch 3/10`.
 * @param total value at which the job is done.
 */
export function startProgress(label: string, total: number, options: ProgressOptions = {}): Progress {
  const { stream = process.stderr, lineEvery = 10, whole } = options;
  return stream.isTTY ? bar(label, total, stream, whole) : lines(label, total, stream, lineEvery, whole);
}

/**
 * Writes a line; in a terminal it breaks between words, and goes on below its second column.
 *
 * @param line `head  text`, or just text.
 */
export function writeLine(line: string, stream: NodeJS.WriteStream = process.stderr): void {
  const columns = stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY;
  stream.write(`${wrapLine(line, columns)}\n`);
}

/** Breaks a line between words; what follows the break is indented as far as what follows the first two blanks. */
export function wrapLine(line: string, columns: number): string {
  const indent = ' '.repeat((/^\S+ {2,}/.exec(line) ?? [''])[0].length);
  const lines: string[] = [];
  let rest = line;
  while (rest.length >= columns) {
    const at = rest.lastIndexOf(' ', columns - 1);
    if (at <= indent.length) break;
    lines.push(rest.slice(0, at));
    rest = indent + rest.slice(at + 1);
  }
  return [...lines, rest].join('\n');
}

function bar(label: string, total: number, stream: NodeJS.WriteStream, whole: Whole | undefined): Progress {
  let detail = '';
  const display = new SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: false,
    // Also one that looks as before: a line may have taken its place.
    forceRedraw: true,
    fps: 8,
    // The last parts of the detail give way first, then the bar, so that a narrow window shows one line and not a torn one.
    format: (_options, { value, startTime }) => {
      const columns = stream.columns || 80;
      const share = total > 0 ? Math.min(1, value / total) : 1;
      const head = `${label} `;
      const seconds = (Date.now() - Number(startTime)) / 1000;
      const running = share > 0 && share < 1;
      const own = running ? duration((seconds * (1 - share)) / share) : duration(seconds);
      const ofWhole = whole && leftOf(whole, value);
      const rest = ofWhole === undefined ? '' : `, ${whole!.label} ${duration(ofWhole)}`;
      const left = ` ${own}${rest}${running || rest ? ' left' : ''}`;
      const tail = ` ${String(Math.floor(share * 100)).padStart(3)} %${left}`;
      const room = columns - 1 - head.length - tail.length;
      let shown = '';
      for (const part of detail.split('  ')) {
        if (shown.length + part.length + 12 > room) break;
        shown += `  ${part}`;
      }
      const width = Math.max(0, Math.min(30, room - shown.length));
      const filled = Math.round(share * width);
      return `${head}${'█'.repeat(filled)}${'░'.repeat(width - filled)}${tail}${shown}`.slice(0, columns - 1);
    },
  });
  display.start(total, 0);
  return {
    update(value, text) {
      if (text !== undefined) detail = text;
      display.update(value);
    },
    line(text) {
      stream.cursorTo(0);
      stream.clearLine(0);
      writeLine(text, stream);
    },
    stop: () => display.stop(),
  };
}

function lines(
  label: string,
  total: number,
  stream: NodeJS.WriteStream,
  every: number,
  whole: Whole | undefined,
): Progress {
  const start = Date.now();
  let last = start;
  let current = 0;
  let printed = -1;
  let detail = '';
  const print = () => {
    if (current === printed) return;
    last = Date.now();
    printed = current;
    const left = whole && leftOf(whole, current);
    const rest = left === undefined || left === 0 ? '' : `  ${whole!.label} ${duration(left)} left`;
    stream.write(`${label}: ${current}/${total}${detail ? `  ${detail}` : ''}${rest}\n`);
  };
  return {
    update(value, text) {
      current = value;
      if (text !== undefined) detail = text;
      if (Date.now() - last >= every * 1000) print();
    },
    line: (text) => writeLine(text, stream),
    stop: print,
  };
}

/** `75` as `1:15`, `3675` as `1:01:15`, both in seconds. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
