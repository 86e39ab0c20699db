import { parentPort, workerData } from 'node:worker_threads';
import { Bootstrap } from '../metrics/index.ts';
import { LocalizationMeasure, type MapsOfPairs } from './localization-measure.ts';
import type { BatchToMeasure, ThreadBirth, ThreadReply, ThreadRequest } from './localization-thread.ts';

/** The thread that measures maps. Started by `localization-thread`. */
const { methods, calibration, options, bootstrap: replicates } = workerData as ThreadBirth;
const bootstrap = new Bootstrap(replicates);
const measure = new LocalizationMeasure(methods, calibration, { ...options, bootstrap });

const reply = (message: ThreadReply) => parentPort!.postMessage(message);

parentPort!.on('message', (request: ThreadRequest) => {
  try {
    if (request === 'result') reply({ result: measure.result() });
    else reply({ records: measured(request.batch) });
  } catch (error) {
    reply({ error: (error as Error).stack ?? String(error) });
  }
});

function measured({ images, maps, dead, pairs }: BatchToMeasure) {
  const { imageSize, frames = 1 } = options;
  const size = frames * imageSize[0] * imageSize[1];
  const ofPairs: MapsOfPairs = {
    map: (m, p) => maps.subarray((m * pairs + p) * size, (m * pairs + p + 1) * size),
    dead: (m, p) => dead[m * pairs + p] === 1,
  };
  return images.map(({ index, pairs: own }) => measure.addImage(ofPairs, own, bootstrap.counts(index)));
}
