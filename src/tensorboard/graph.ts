import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { UsageError } from '../errors/index.ts';

/** A node of a graph: a layer of a network. */
export interface GraphNode {
  /** Of no other node; TensorBoard folds what shares a prefix before `/`. */
  readonly name: string;
  /** Kind of the node, such as `Conv2D`. */
  readonly op: string;
  /** Names of the nodes that it reads. */
  readonly inputs: readonly string[];
  /** Of its output; `null` where it is open. */
  readonly shape: readonly (number | null)[];
  /** Number of its weights. */
  readonly parameters: number;
}

/** Numbers of the fields of TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto` and others. */
const GRAPH = { node: 1, versions: 4 };
const VERSIONS = { producer: 1 };
const NODE = { name: 1, op: 2, input: 3, attr: 5 };
const ATTR = { key: 1, value: 2 };
const VALUE = { list: 1, integer: 3 };
const LIST = { shape: 7 };
const SHAPE = { dim: 2, size: 1 };
/** The version of GraphDef that TensorFlow 2 began with. */
const producer = 27;

/**
 * Encodes a network as TensorFlow's `GraphDef`, which TensorBoard draws in its graph tab. A node carries its output
 * shape (`_output_shapes`, shown along the edges) and its number of weights (`parameters`).
 *
 * Characters that TensorFlow does not allow in names become `_`.
 *
 * @throws {UsageError} when two nodes have the same name, or one reads a node that is not there
 */
export function encodeGraph(nodes: readonly GraphNode[]): Uint8Array {
  const names = uniqueNames(nodes);
  const graph = new BinaryWriter();
  for (const { name, op, inputs, shape, parameters } of nodes) {
    graph.tag(GRAPH.node, WireType.LengthDelimited).fork();
    graph.tag(NODE.name, WireType.LengthDelimited).string(names.get(name)!);
    graph.tag(NODE.op, WireType.LengthDelimited).string(op);
    for (const input of inputs) {
      const known = names.get(input);
      if (known === undefined)
        throw new UsageError(`graph: node "${name}" reads "${input}", which is no node`);
      graph.tag(NODE.input, WireType.LengthDelimited).string(known);
    }
    writeAttribute(graph, '_output_shapes', (value) => {
      value.tag(VALUE.list, WireType.LengthDelimited).fork();
      value.tag(LIST.shape, WireType.LengthDelimited).fork();
      for (const size of shape) {
        value.tag(SHAPE.dim, WireType.LengthDelimited).fork();
        value
          .tag(SHAPE.size, WireType.Varint)
          .int64(size ?? -1)
          .join();
      }
      value.join().join();
    });
    writeAttribute(graph, 'parameters', (value) =>
      value.tag(VALUE.integer, WireType.Varint).int64(parameters),
    );
    graph.join();
  }
  graph.tag(GRAPH.versions, WireType.LengthDelimited).fork();
  graph.tag(VERSIONS.producer, WireType.Varint).int32(producer).join();
  return graph.finish();
}

function writeAttribute(node: BinaryWriter, key: string, write: (value: BinaryWriter) => void): void {
  node.tag(NODE.attr, WireType.LengthDelimited).fork();
  node.tag(ATTR.key, WireType.LengthDelimited).string(key);
  node.tag(ATTR.value, WireType.LengthDelimited).fork();
  write(node);
  node.join().join();
}

/** By the name of a node: a name that TensorFlow allows, and no other node has. */
function uniqueNames(nodes: readonly GraphNode[]): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { name } of nodes) {
    if (names.has(name)) throw new UsageError(`graph: two nodes are called "${name}"`);
    const allowed = name.replace(/[^\w./-]/g, '_').replace(/^[^A-Za-z0-9.]/, '.');
    let unique = allowed;
    for (let count = 1; taken.has(unique); count++) unique = `${allowed}_${count}`;
    taken.add(unique);
    names.set(name, unique);
  }
  return names;
}
