import test from 'ava';
import { LocalizationMeasure, type LocatedPair } from '../../src/evaluation/localization-measure.ts';
import { LocalizationThread } from '../../src/evaluation/localization-thread.ts';
import { Bootstrap } from '../../src/metrics/index.ts';
import { randomFor } from '../../src/random/index.ts';

const [height, width] = [12, 16];
const methods = ['cam', 'grad-cam'];
const bootstrap = new Bootstrap({ replicates: 20 });
const options = {
  classes: 3,
  imageSize: [height, width] as const,
  iouLevels: [0.3, 0.5],
  tolerance: 2,
  bootstrap,
};
const calibration = {
  from: 'given',
  levels: [50, 80],
  centreLevel: 60,
  constantBox: [2, 2, 9, 9],
} as const;

/** An image with one or two pairs, whose first map of the second method says nothing. */
function imageOf(index: number) {
  const random = randomFor(1, 'image', index);
  const pairs = Array.from({ length: 1 + (index % 2) }, (_, p): LocatedPair => {
    const region = new Float32Array(height * width);
    for (let y = 3; y < 8; y++) region.fill(1, y * width + 4 + p, y * width + 9 + index);
    const boxes = [[4 + p, 3, 8 + index, 7]] as const;
    return {
      index: p,
      class: p,
      rank: 1 + p,
      truth: { boxes, region, boxRegion: region.slice(), hasMask: true },
    };
  });
  const maps = methods.map((_, m) =>
    pairs.map((_, p) =>
      m === 1 && p === 0 && index === 0
        ? new Float32Array(height * width)
        : Float32Array.from({ length: height * width }, () => random.next()),
    ),
  );
  return { index, pairs, map: (m: number, p: number) => maps[m]![p]! };
}

test('measured in a thread, batch by batch: what is measured here, image by image', async (t) => {
  const images = Array.from({ length: 4 }, (_, index) => imageOf(index));
  const here = new LocalizationMeasure(methods, calibration, options);
  const dead = (map: Float32Array) => map.every((value) => value === 0);
  const records = images.map(({ index, pairs, map }) =>
    here.addImage({ map, dead: (m, p) => dead(map(m, p)) }, pairs, bootstrap.counts(index)),
  );
  t.true(records[0]![0]!['grad-cam']!.dead);

  const thread = new LocalizationThread(methods, calibration, options);
  const asked = images.map(({ index, pairs, map }) => {
    const explained = {
      map,
      smallMap: map,
      logits: map(0, 0),
      scores: map(0, 0),
      smallSize: () => [height, width],
    } as const;
    const image = {
      index,
      pairs: pairs.map(({ class: own, ...rest }) => ({ ...rest, pair: { sample: 0, class: own } })),
    };
    return thread.addBatch([image], explained);
  });
  t.deepEqual((await Promise.all(asked)).flat(), records);
  t.deepEqual(await thread.result(), here.result());
  await thread.close();
  await t.throwsAsync(thread.result(), { message: /thread ended/ });
});
