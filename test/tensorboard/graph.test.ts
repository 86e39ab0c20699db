import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { EventWriter } from '../../src/tensorboard/index.ts';
import { field, fields, splitRecords } from './decode-events.ts';

test('a graph is an event with a GraphDef: names, inputs, shapes, parameters', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'graph-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const events = await EventWriter.create(dir);
  events.graph([
    { name: 'image', op: 'InputLayer', inputs: [], shape: [null, 8, 8, 3], parameters: 0 },
    { name: 'body/conv#0', op: 'Conv2D', inputs: ['image'], shape: [null, 8, 8, 4], parameters: 112 },
    { name: 'body/conv_0', op: 'Conv2D', inputs: ['image'], shape: [null, 8, 8, 4], parameters: 0 },
    { name: 'sum', op: 'Add', inputs: ['body/conv#0', 'body/conv_0'], shape: [null, 8, 8, 4], parameters: 0 },
  ]);
  await events.close();
  const { records } = splitRecords(await readFile(events.path));
  const graph = field(records[1]!, 4) as Buffer;
  t.is(field(graph, 4, 1), 27n, 'the version that readers ask for');

  const nodes = fields(graph)
    .filter((entry) => entry.field === 1)
    .map(({ value }) => {
      const parts = fields(value as Buffer);
      const texts = (number: number) =>
        parts.filter((part) => part.field === number).map((part) => String(part.value));
      const attributes = new Map(
        parts
          .filter((part) => part.field === 5)
          .map((part) => [String(field(part.value as Buffer, 1)), field(part.value as Buffer, 2) as Buffer]),
      );
      const dimensions = fields(field(attributes.get('_output_shapes')!, 1, 7) as Buffer);
      return {
        name: texts(1)[0],
        op: texts(2)[0],
        inputs: texts(3),
        shape: dimensions.map((dimension) =>
          BigInt.asIntN(64, field(dimension.value as Buffer, 1) as bigint),
        ),
        parameters: field(attributes.get('parameters')!, 3),
      };
    });
  const shape = [-1n, 8n, 8n, 4n];
  t.deepEqual(nodes, [
    { name: 'image', op: 'InputLayer', inputs: [], shape: [-1n, 8n, 8n, 3n], parameters: 0n },
    { name: 'body/conv_0', op: 'Conv2D', inputs: ['image'], shape, parameters: 112n },
    { name: 'body/conv_0_1', op: 'Conv2D', inputs: ['image'], shape, parameters: 0n },
    { name: 'sum', op: 'Add', inputs: ['body/conv_0', 'body/conv_0_1'], shape, parameters: 0n },
  ]);
});

test('a graph with two nodes of one name, or an edge from nowhere, is refused', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'graph-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const events = await EventWriter.create(dir);
  const node = { name: 'a', op: 'Dense', inputs: [] as string[], shape: [null, 2], parameters: 6 };
  t.throws(() => events.graph([node, node]), {
    instanceOf: UsageError,
    message: 'graph: two nodes are called "a"',
  });
  t.throws(() => events.graph([{ ...node, inputs: ['b'] }]), {
    instanceOf: UsageError,
    message: 'graph: node "a" reads "b", which is no node',
  });
  await events.close();
});
