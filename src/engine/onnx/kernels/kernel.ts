import type { LazyNode } from '../graph/lazy-node.ts';

/**
 * One kernel of TensorFlow.js on the lazy graph: takes nodes, returns nodes. `null` means that these types
 * or attributes are not supported here: the kernel of the cpu backend takes over.
 */
export type Kernel = (
  inputs: readonly LazyNode[] | Record<string, LazyNode>,
  attributes: object,
) => KernelResult;
export type KernelResult = LazyNode | LazyNode[] | null;
export type KernelTable = Readonly<Record<string, Kernel>>;

/** A kernel with named inputs. The attribute type is the one that TensorFlow.js declares for the kernel. */
export function kernel<Name extends string, Attributes = object>(
  run: (inputs: Record<Name, LazyNode>, attributes: Attributes) => KernelResult,
): Kernel {
  return (inputs, attributes) => run(inputs as Record<Name, LazyNode>, attributes as Attributes);
}

/** A kernel whose inputs are a list. */
export function listKernel<Attributes = object>(
  run: (inputs: readonly LazyNode[], attributes: Attributes) => KernelResult,
): Kernel {
  return (inputs, attributes) => run(Object.values(inputs), attributes as Attributes);
}
