import { type EngineName, startEngine } from '../../src/engine/index.ts';

/** Starts the engine that the tests run on: `GAIN_TEST_ENGINE`, plain JavaScript by default. */
export async function startTestEngine(): Promise<void> {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
}
