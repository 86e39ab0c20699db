import { readFileSync } from 'node:fs';

/** Made by test/reference/torch_backbones.py. */
export const torchReference = JSON.parse(
  readFileSync(new URL('../fixtures/torch-backbones.json', import.meta.url), 'utf8'),
) as {
  classes: number;
  cases: { title: string; size: number; tensors: [string, number[]][]; logits: number[] }[];
};

/** The formulas of the reference. */
export function values(name: string, count: number): Float64Array {
  const phase = [...name].reduce((sum, char, i) => sum + (i + 1) * char.charCodeAt(0), 0) % 1000;
  const drawn = new Float64Array(count);
  for (let j = 0; j < count; j++) {
    const x = Math.sin(j * 12.9898 + phase) * 43758.5453;
    drawn[j] = 2 * (x - Math.floor(x)) - 1;
  }
  return drawn;
}

function filled(name: string, shape: number[]): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  const drawn = values(name, count);
  const [offset, scale] = name.endsWith('running_var')
    ? [1, 0.2]
    : /(gamma|layer_scale)$/.test(name)
      ? [0.5, 0.1]
      : /(\.weight|in_proj_weight)$/.test(name) && shape.length >= 2
        ? [0, Math.sqrt(6 / (count / shape[0]!))]
        : name.endsWith('.weight')
          ? [1, 0.1]
          : [0, 0.1];
  // Loops, here and above: `from` takes ten times as long, for millions of weights.
  const weights = new Float32Array(count);
  for (let j = 0; j < count; j++) weights[j] = offset! + scale! * drawn[j]!;
  return weights;
}

/** A file of weights that are filled so. */
export function safetensors(tensors: [string, number[]][]): Buffer {
  const header: Record<string, object> = {};
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, shape] of tensors) {
    const bytes = Buffer.from(filled(name, shape).buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}
