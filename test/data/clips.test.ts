import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import { readClip, resizeVolume } from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { temporary } from '../explain/networks.ts';

const close = (a: ArrayLike<number>, b: readonly number[], within = 1e-6) =>
  a.length === b.length && b.every((value, i) => Math.abs(a[i]! - value) <= within);

const grey = (value: number, width = 2, height = 1) =>
  sharp({ create: { width, height, channels: 3, background: { r: value, g: value, b: value } } });

test('a folder of frames, in the order of their numbers', async (t) => {
  const folder = join(await temporary(t), 'frames');
  await mkdir(folder);
  for (const [name, value] of Object.entries({ '10': 200, '2': 100, '1': 50 })) {
    await grey(value)
      .png()
      .toFile(join(folder, `${name}.png`));
  }
  await writeFile(join(folder, 'notes.txt'), 'no frame');
  const clip = await readClip(folder);
  t.deepEqual(clip.shape, [3, 1, 2, 3]);
  t.true(
    close(
      clip.values.filter((_, i) => i % 6 === 0),
      [50 / 255, 100 / 255, 200 / 255],
    ),
  );
  t.deepEqual((await readClip(folder, { channels: 1 })).shape, [3, 1, 2, 1]);
  await grey(1, 3).png().toFile(join(folder, '11.png'));
  await t.throwsAsync(readClip(folder), {
    instanceOf: DataError,
    message: /11\.png: expected a frame of 2x1 .* found 3x1$/,
  });
});

test('an animated GIF', async (t) => {
  const file = join(await temporary(t), 'clip.gif');
  const pages = await Promise.all([255, 0, 255].map((value) => grey(value, 4, 4).png().toBuffer()));
  await sharp(pages, { join: { animated: true } })
    .gif()
    .toFile(file);
  const clip = await readClip(file);
  t.deepEqual(clip.shape, [3, 4, 4, 3]);
  t.true(
    close(
      clip.values.filter((_, i) => i % 48 === 0),
      [1, 0, 1],
      0.02,
    ),
  );
});

/** A .npy of version 1. */
function npy(descr: string, shape: number[], data: Uint8Array): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([head, Buffer.from(header), data]);
}

test('a .npy: bytes over 255, other values stretched or as they are', async (t) => {
  const dir = await temporary(t);
  await writeFile(join(dir, 'a.npy'), npy('|u1', [2, 1, 2], Uint8Array.of(0, 51, 102, 255)));
  const bytes = await readClip(join(dir, 'a.npy'));
  t.deepEqual(bytes.shape, [2, 1, 2, 1]);
  t.true(close(bytes.values, [0, 0.2, 0.4, 1]));
  const floats = new Uint8Array(new Float32Array([-2, 0, 2, 6]).buffer);
  await writeFile(join(dir, 'b.npy'), npy('<f4', [1, 2, 1, 2], floats));
  t.true(close((await readClip(join(dir, 'b.npy'))).values, [0, 0.25, 0.5, 1]));
  t.true(close((await readClip(join(dir, 'b.npy'), { scaling: 'none' })).values, [-2, 0, 2, 6]));
  const fails = async (name: string, content: Uint8Array, message: RegExp) => {
    await writeFile(join(dir, name), content);
    await t.throwsAsync(readClip(join(dir, name)), { instanceOf: DataError, message });
  };
  await fails('c.npy', Buffer.from('no array'), /expected a \.npy file/);
  await fails('d.npy', npy('<c8', [1, 1, 1], new Uint8Array(8)), /kind "c8" are not read/);
  await fails('e.npy', npy('<f4', [2, 2, 2], new Uint8Array(8)), /expected 8 values of 4 bytes/);
  await fails('f.npy', npy('|u1', [4], new Uint8Array(4)), /expected an array \[D,H,W\]/);
  await fails('g.doc', Buffer.from('film'), /expected a folder of frames/);
});

/** A NIfTI-1 volume of int16 with slope 0.5 and intercept 1. */
function nifti(sizes: [number, number, number, number], values: number[], little = true): Buffer {
  const bytes = Buffer.alloc(352 + 2 * values.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setInt32(0, 348, little);
  view.setInt16(40, 4, little);
  for (const [i, size] of sizes.entries()) view.setInt16(42 + 2 * i, size, little);
  view.setInt16(70, 4, little);
  view.setInt16(72, 16, little);
  view.setFloat32(108, 352, little);
  view.setFloat32(112, 0.5, little);
  view.setFloat32(116, 1, little);
  bytes.write('n+1\0', 344, 'latin1');
  for (const [i, value] of values.entries()) view.setInt16(352 + 2 * i, value, little);
  return bytes;
}

test('NIfTI: x runs fastest, slope and intercept, channels last, either order of bytes, compressed or not', async (t) => {
  const dir = await temporary(t);
  // x = 2, y = 1, z = 2, two measures.
  const values = [0, 2, 4, 6, 10, 12, 14, 16];
  const expected = [1, 6, 2, 7, 3, 8, 4, 9];
  await writeFile(join(dir, 'a.nii'), nifti([2, 1, 2, 2], values));
  await writeFile(join(dir, 'b.nii.gz'), gzipSync(nifti([2, 1, 2, 2], values, false)));
  for (const name of ['a.nii', 'b.nii.gz']) {
    const volume = await readClip(join(dir, name), { scaling: 'none' });
    t.deepEqual(volume.shape, [2, 1, 2, 2]);
    t.deepEqual([...volume.values], expected);
  }
  const stretched = await readClip(join(dir, 'a.nii'));
  t.true(
    close(
      stretched.values,
      expected.map((value) => (value - 1) / 8),
    ),
  );
  await writeFile(join(dir, 'c.nii'), nifti([2, 1, 2, 2], values).subarray(0, 360));
  await t.throwsAsync(readClip(join(dir, 'c.nii')), {
    instanceOf: DataError,
    message: /the file ends after 360/,
  });
  await writeFile(join(dir, 'd.nii'), Buffer.alloc(400));
  await t.throwsAsync(readClip(join(dir, 'd.nii')), { instanceOf: DataError, message: /expected NIfTI-1/ });
});

test('a volume brought to another size, linear along each axis', (t) => {
  const volume = { shape: [1, 1, 4, 1], values: Float32Array.of(0, 1, 2, 3) } as const;
  t.true(close(resizeVolume(volume, [1, 1, 2]).values, [0.5, 2.5]));
  t.true(close(resizeVolume(volume, [1, 1, 8]).values, [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]));
  const tall = resizeVolume({ shape: [2, 1, 1, 2], values: Float32Array.of(0, 10, 4, 30) }, [3, 1, 1]);
  t.deepEqual(tall.shape, [3, 1, 1, 2]);
  t.true(close(tall.values, [0, 10, 2, 20, 4, 30]));
});
