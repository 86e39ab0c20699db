import type { TaskName } from './tasks/index.ts';

/** Who a workload can be compared with: PyTorch eager, and the other backends of TensorFlow.js. */
export const peerNames = ['pytorch', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
/** Other ways to run PyTorch, compared with when they are named: `channels_last`, and `torch.compile`. */
export const pytorchVariants = ['pytorch-channels-last', 'pytorch-compile'] as const;
export type PeerName = (typeof peerNames)[number] | (typeof pytorchVariants)[number];

/** Something that is measured. What both sides do is a task; a workload is a task with its settings. */
export interface Workload {
  readonly name: string;
  /** One line: network, batch, size, what a repetition does. */
  readonly about: string;
  readonly task: TaskName;
  /** Of the task, as JSON: PyTorch's side gets the same. */
  readonly settings: object;
  /**
   * When given, every engine is compared with itself on these settings of the same task, in place of ours with
   * the peers.
   */
  readonly baseline?: { readonly about: string; readonly settings: object };
  /** Every repetition in a process of its own, its first step measured. @default false */
  readonly fresh?: boolean;
  /** Images of one repetition, for the rate. */
  readonly images: number;
  /** Whom it can be compared with. @default all */
  readonly peers?: readonly PeerName[];
  /** Measured when it is named, and otherwise not. @default false */
  readonly onlyByName?: boolean;
}
