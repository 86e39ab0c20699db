import type { NetworkNode } from '../gradcam/index.ts';

/** Layers that the figure shows together: a convolution, its normalisation, its activation. */
export interface NetworkBox {
  /** By which other boxes name it: the name of its first layer. */
  readonly id: string;
  /** Names of the nested models around it, the outermost first. */
  readonly scope: readonly string[];
  readonly members: readonly NetworkNode[];
  /** Ids of the boxes that it reads. */
  readonly inputs: readonly string[];
}

/** Kinds of layers that are drawn with what they follow. */
const followers =
  /^(BatchNormalization|LayerNormalization|Activation|.*ReLU|ReLU|ELU|Softmax|.*Dropout|Gaussian.*|ZeroPadding.*|Cropping.*|Flatten|Reshape|Permute)$/;

/** Draws a follower into the box before it, where nothing else reads what lies between the two. */
export function boxesOf(nodes: readonly NetworkNode[]): NetworkBox[] {
  const readers = new Map<string, number>();
  for (const name of nodes.flatMap(({ inputs }) => inputs)) readers.set(name, (readers.get(name) ?? 0) + 1);
  const boxOf = new Map<string, { id: string; scope: string[]; members: NetworkNode[]; inputs: string[] }>();
  for (const node of nodes) {
    const scope = node.name.split('/').slice(0, -1);
    const before = boxOf.get(node.inputs[0] ?? '');
    const follows =
      before !== undefined &&
      node.inputs.length === 1 &&
      followers.test(node.op) &&
      readers.get(node.inputs[0]!) === 1 &&
      before.members[0]!.op !== 'InputLayer' &&
      before.scope.join('/') === scope.join('/');
    if (follows) {
      before.members.push(node);
      boxOf.set(node.name, before);
    } else {
      const inputs = [...new Set(node.inputs.map((name) => boxOf.get(name)!.id))];
      boxOf.set(node.name, { id: node.name, scope, members: [node], inputs });
    }
  }
  return [...new Set(boxOf.values())];
}

/** The three lines of a box: name, kinds of layers, shape and parameters. */
export function linesOf({ id, members }: NetworkBox): [string, string, string] {
  const shape = members.at(-1)!.shape.slice(1);
  const parameters = members.reduce((sum, node) => sum + node.parameters, 0);
  const count = parameters > 0 ? ` · ${parameters.toLocaleString('en')} parameters` : '';
  return [
    id.split('/').at(-1)!,
    members.map(kindText).join(', '),
    `${shape.map((size) => size ?? 'any').join('×') || 'a number'}${count}`,
  ];
}

function kindText({ op, window, strides, activation }: NetworkNode): string {
  if (op === 'Activation') return activation ?? 'linear';
  const kind = op
    .replace('InputLayer', 'input')
    .replace('BatchNormalization', 'BatchNorm')
    .replace('Pooling', 'Pool');
  const step = strides && ` /${[...new Set(strides)].join('×')}`;
  return `${kind}${window ? ` ${window.join('×')}` : ''}${step ?? ''}${activation ? `, ${activation}` : ''}`;
}
