import test from 'ava';
import { epochLogs, historyOf } from '../../src/gain/history.ts';

test('logs have the names that tfjs gives them', (t) => {
  t.deepEqual(
    epochLogs({ total: 3, classification: 1, mining: 2, acc: 0.5 }, { accuracy: 0.25, 'val mAP': 0.75 }),
    {
      loss: 3,
      acc: 0.5,
      classification: 1,
      mining: 2,
      val_accuracy: 0.25,
      'val mAP': 0.75,
    },
  );
});

test('a history is a list per name; what an epoch does not have is NaN', (t) => {
  const logs = [
    { epoch: 2, logs: { loss: 3 } },
    { epoch: 3, logs: { loss: 1, val_acc: 0.5 } },
  ];
  t.deepEqual(historyOf(logs), {
    epoch: [2, 3],
    history: { loss: [3, 1], val_acc: [Number.NaN, 0.5] },
  });
});
