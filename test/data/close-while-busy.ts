import { openDataset } from '../../src/data/index.ts';

// Run by dataset.test.ts as a process of its own: an error in the loop over batches, while the answer of the worker
// waits to be heard. Nothing but the worker keeps this process alive.

const [dir, rounds] = process.argv.slice(2);
for (let round = 0; round < Number(rounds); round++) {
  const dataset = await openDataset(dir!, { cacheBytes: 0 });
  try {
    for await (const _ of dataset.batches('train', {
      batchSize: 4,
      imageSize: [64, 64],
      workers: 1,
      prefetch: 1,
    })) {
      const until = performance.now() + 150;
      while (performance.now() < until);
      throw new Error('as a full disk does');
    }
  } catch {
  } finally {
    await dataset.close();
  }
}
process.stdout.write(`closed ${rounds}\n`);
