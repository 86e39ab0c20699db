import type { LazyNode } from './lazy-node.ts';

/** The part of the graph that one run computes, in an order in which inputs come before their users. */
export interface Trace {
  readonly order: readonly LazyNode[];
  readonly leaves: readonly LazyNode[];
  readonly roots: readonly LazyNode[];
  /** Who reads the value of a node. */
  readonly users: ReadonlyMap<LazyNode, readonly LazyNode[]>;
  /** Equal keys mean equal programs: operations, attributes, shapes, wiring; never the values of leaves. */
  readonly key: string;
}

/**
 * Walks the graph behind `roots` depth first, without recursion: a chain may be thousands of nodes long.
 */
export function traceGraph(roots: readonly LazyNode[]): Trace {
  const order: LazyNode[] = [];
  const leaves: LazyNode[] = [];
  const users = new Map<LazyNode, LazyNode[]>();
  const labels = new Map<LazyNode, string>();
  const words: string[] = [];

  const finish = (node: LazyNode): void => {
    if (node.isLeaf) {
      labels.set(node, `L${leaves.length}`);
      // How a leaf came to its values is past: only its type and shape count.
      words.push(`${node.dtype}[${node.shape.join()}]`);
      leaves.push(node);
      return;
    }
    labels.set(node, `${order.length}`);
    words.push(`${node.signature}(${node.inputs.map((input) => labels.get(input)).join()})`);
    order.push(node);
    for (const input of new Set(node.inputs)) {
      const known = users.get(input);
      if (known === undefined) users.set(input, [node]);
      else known.push(node);
    }
  };

  const path: { node: LazyNode; next: number }[] = [];
  for (const root of roots) {
    if (!labels.has(root)) path.push({ node: root, next: 0 });
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const input = top.node.inputs[top.next];
      if (input === undefined) {
        path.pop();
        if (!labels.has(top.node)) finish(top.node);
      } else {
        top.next++;
        if (!labels.has(input)) path.push({ node: input, next: 0 });
      }
    }
  }
  const outputs = roots.map((root) => labels.get(root)).join();
  return { order, leaves, roots, users, key: `${words.join(';')}>${outputs}` };
}

/**
 * The most elements that are alive at once while the nodes are computed in order: about what a run needs as
 * working memory.
 */
export function peakElements({ order, roots, users }: Trace): number {
  const waiting = new Map<LazyNode, number>();
  for (const node of order) waiting.set(node, users.get(node)?.length ?? 0);
  for (const root of roots) waiting.set(root, Number.POSITIVE_INFINITY);
  let alive = 0;
  let peak = 0;
  for (const node of order) {
    alive += node.size;
    peak = Math.max(peak, alive);
    for (const input of new Set(node.inputs)) {
      const left = waiting.get(input);
      if (left === undefined) continue;
      waiting.set(input, left - 1);
      if (left === 1) alive -= input.size;
    }
  }
  return peak;
}
