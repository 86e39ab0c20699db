import { parentPort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { DataError } from '../errors/index.ts';
import { buffersOf, makeBatch } from './batch-maker.ts';
import type { WorkerBirth, WorkerReply, WorkerRequest } from './batch-makers.ts';
import type { BatchSources } from './batch-sources.ts';
import { ExampleReader } from './example-reader.ts';
import { ImageCache } from './image-cache.ts';

/** The thread that makes batches. Started by `batch-makers`. */
const { rule, cache } = workerData as WorkerBirth;
const reader = new ExampleReader(rule, new ImageCache(cache));
const sources = new Map<string, BatchSources>();
sharp.concurrency(1); // many small images: parallel over images, not within one

const reply = (message: WorkerReply, buffers: ArrayBuffer[] = []) =>
  parentPort!.postMessage(message, buffers);

parentPort!.on('message', async (request: WorkerRequest) => {
  if ('shards' in request) return reader.addShards(request.shards);
  if ('sources' in request) {
    sources.set(request.sources.id, request.sources);
    return;
  }
  const { id, task } = request;
  try {
    const batch = await makeBatch(
      reader,
      task,
      task.sources === undefined ? undefined : sources.get(task.sources),
    );
    reply({ id, batch }, buffersOf(batch));
  } catch (error) {
    const { message, stack } = error as Error;
    const data = error instanceof DataError;
    reply({ id, error: { data, message: data ? message : (stack ?? message) } });
  }
});
reply('ready');
