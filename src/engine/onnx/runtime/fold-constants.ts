import {
  encodeModel,
  ONNX_TYPE,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxType,
} from '../graph/onnx-model.ts';
import type { NativeRuntime, NativeTensor } from './native-runtime.ts';

/**
 * Replaces what depends on constants alone by its value: filters brought into ONNX's order, factors of batch
 * norms. ONNX Runtime does so when it loads a model, but not every reader of ONNX files takes a convolution
 * whose filter is computed. The values are computed by ONNX Runtime.
 */
export function foldConstants(model: OnnxModel, runtime: NativeRuntime): OnnxModel {
  const constant = new Set(model.initializers.map(({ name }) => name));
  const folded = model.nodes.filter((node) => {
    const isConstant = node.inputs.every((name) => constant.has(name));
    if (isConstant) for (const name of node.outputs) constant.add(name);
    return isConstant;
  });
  const rest = model.nodes.filter((node) => !folded.includes(node));
  const made = new Set(folded.flatMap(({ outputs }) => outputs));
  const wanted = [...new Set(rest.flatMap(({ inputs }) => inputs))].filter((name) => made.has(name));
  if (wanted.length === 0) return model;

  const values = compute(
    { ...model, nodes: folded, inputs: [], outputs: wanted.map((name) => ({ name })) },
    runtime,
  );
  const used = new Set(rest.flatMap(({ inputs }) => inputs));
  const kept = model.initializers.filter(({ name }) => used.has(name));
  const names = namesOf(folded, wanted, new Set(kept.map(({ name }) => name)));
  return {
    ...model,
    nodes: rest.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
    initializers: [...kept, ...wanted.map((name) => initializer(names.get(name)!, values[name]!))],
  };
}

function compute(model: OnnxModel, runtime: NativeRuntime): Record<string, NativeTensor> {
  const bytes = encodeModel(model);
  const session = runtime.createSession();
  try {
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, { logSeverityLevel: 3 });
    return session.run({}, Object.fromEntries(model.outputs.map(({ name }) => [name, null])), {});
  } finally {
    session.dispose();
  }
}

/** A constant that was only moved keeps the name of what it was made of, if no one else has it. */
function namesOf(
  folded: OnnxModel['nodes'],
  wanted: readonly string[],
  taken: Set<string>,
): ReadonlyMap<string, string> {
  const origins = new Map<string, string>();
  for (const { type, inputs, outputs } of folded) {
    if (type !== 'Transpose' && type !== 'Reshape') continue;
    origins.set(outputs[0]!, origins.get(inputs[0]!) ?? inputs[0]!);
  }
  return new Map(
    wanted.map((output) => {
      const origin = origins.get(output);
      const name = origin === undefined || taken.has(origin) ? output : origin;
      taken.add(name);
      return [output, name];
    }),
  );
}

function initializer(name: string, { type, dims, data }: NativeTensor): OnnxInitializer {
  if (!(type in ONNX_TYPE)) throw new Error(`engine onnx: a constant of type ${type}`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, type: type as OnnxType, dims, bytes };
}
