import { PassThrough } from 'node:stream';
import test from 'ava';
import { duration, startProgress, wrapLine } from '../../src/progress/index.ts';

const cursorMovement = new RegExp(`${String.fromCharCode(27)}\\[[\\d?;]*[a-zA-Z]`, 'g');

function stream(isTTY: boolean, columns: number): { stream: NodeJS.WriteStream; text: () => string } {
  const through = new PassThrough();
  const stream = Object.assign(through, {
    isTTY,
    columns,
    cursorTo() {},
    clearLine() {},
  }) as unknown as NodeJS.WriteStream;
  return { stream, text: () => String(through.read() ?? '') };
}

test('away from a terminal: a plain line at the end, none in between unless time passes', (t) => {
  const { stream: out, text } = stream(false, 0);
  const progress = startProgress('epoch 1/2', 20, { stream: out });
  progress.update(5, 'loss 1.0');
  progress.update(20, 'loss 0.5');
  progress.stop();
  t.is(text(), 'epoch 1/2: 20/20  loss 0.5\n');
});

test('on a terminal: no line is ever wider than the window', (t) => {
  for (const columns of [30, 60, 120]) {
    const { stream: out, text } = stream(true, columns);
    const progress = startProgress('epoch 1/2', 4, { stream: out });
    progress.update(2, 'loss 0.512  cl 0.301  am 0.211  210 images/s');
    progress.stop();
    // Cursor movements are not visible text.
    const rows = text()
      .replace(cursorMovement, '\n')
      .split(/[\r\n]+/);
    const widest = Math.max(...rows.map((row) => [...row].length));
    t.true(widest < columns, `${widest} of ${columns}`);
    t.regex(rows.join('\n'), /50 %/);
    t.is(/images\/s/.test(rows.join('\n')), columns === 120);
  }
});

test('loss, speed and the time that is left of the whole run are seen at 80 columns', (t) => {
  const since = Date.now() - 100_000;
  const whole = { label: 'run', total: 10_000, before: 1_000, since, sinceDone: 900 };
  for (const [columns, seen] of [
    [80, /^epoch 3\/10 █+░+ {2}50 % 0:00, run \d:\d\d:\d\d left {2}loss 0\.512 {2}210 img\/s$/],
    [120, /img\/s {2}cl 0\.301 am 0\.211 e 0\.002$/],
  ] as const) {
    const { stream: out, text } = stream(true, columns);
    const progress = startProgress('epoch 3/10', 200, { stream: out, whole });
    progress.update(100, 'loss 0.512  210 img/s  cl 0.301 am 0.211 e 0.002');
    progress.stop();
    const rows = text()
      .replace(cursorMovement, '\n')
      .split(/[\r\n]+/)
      .map((row) => row.trimEnd());
    t.true(
      rows.some((row) => seen.test(row)),
      rows.join('|'),
    );
  }
  const { stream: out, text } = stream(false, 0);
  const plain = startProgress('epoch 3/10', 200, { stream: out, whole });
  plain.update(100, 'loss 0.512');
  plain.stop();
  t.regex(text(), /^epoch 3\/10: 100\/200 {2}loss 0\.512 {2}run \d:\d\d:\d\d left\n$/);
});

test('a line of its own does not end the display', (t) => {
  const { stream: out, text } = stream(false, 0);
  const progress = startProgress('sweep', 2, { stream: out });
  progress.line('[1/2]  first: finished');
  progress.update(2);
  progress.stop();
  t.is(text(), '[1/2]  first: finished\nsweep: 2/2\n');
});

test('durations read as a clock', (t) => {
  t.is(duration(5), '0:05');
  t.is(duration(75), '1:15');
  t.is(duration(3675), '1:01:15');
});

test('a line breaks between words, and goes on below its second column', (t) => {
  const line = 'network  small_cnn, 462 parameters';
  t.is(wrapLine(line, 80), line);
  t.is(wrapLine(line, 22), 'network  small_cnn,\n         462\n         parameters');
  t.is(wrapLine('epoch 1/2: loss 1.278 cl 0.785', 22), 'epoch 1/2: loss 1.278\ncl 0.785');
  t.is(wrapLine('a-word-that-is-too-long for it', 10), 'a-word-that-is-too-long for it');
});
