import { SingleBar } from 'cli-progress';

/** Shows how far a long job is: a bar on a terminal, a plain line now and then elsewhere; both on stderr. */
export interface Progress {
  /** Moves to `value` of the total; `detail` is shown beside it. */
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
}

/**
 * Starts a progress display.
 *
 * @param label what is going on, e.g. `epoch 3/10`.
 * @param total value at which the job is done.
 */
export function startProgress(label: string, total: number, options: ProgressOptions = {}): Progress {
  const { stream = process.stderr, lineEvery = 10 } = options;
  return stream.isTTY ? bar(label, total, stream) : lines(label, total, stream, lineEvery);
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

function bar(label: string, total: number, stream: NodeJS.WriteStream): Progress {
  let detail = '';
  const display = new SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: false,
    // Also one that looks as before: a line may have taken its place.
    forceRedraw: true,
    fps: 8,
    // The detail gives way first, then the bar, so that a narrow window shows one line and not a torn one.
    format: (_options, { value, startTime }) => {
      const columns = stream.columns || 80;
      const share = total > 0 ? Math.min(1, value / total) : 1;
      const head = `${label} `;
      const seconds = (Date.now() - Number(startTime)) / 1000;
      const left =
        share > 0 && share < 1
          ? ` ${duration((seconds * (1 - share)) / share)} left`
          : ` ${duration(seconds)}`;
      const tail = ` ${String(Math.floor(share * 100)).padStart(3)} %${left}`;
      const room = columns - 1 - head.length - tail.length;
      const shown = detail.length + 12 <= room ? `  ${detail}` : '';
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

function lines(label: string, total: number, stream: NodeJS.WriteStream, every: number): Progress {
  const start = Date.now();
  let last = start;
  let current = 0;
  let printed = -1;
  let detail = '';
  const print = () => {
    if (current === printed) return;
    last = Date.now();
    printed = current;
    stream.write(`${label}: ${current}/${total}${detail ? `  ${detail}` : ''}\n`);
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
