import { type EngineInfo, type EngineName, startEngine } from '../../src/engine/index.ts';

/**
 * Starts the engine that a test runs on: the one named by the environment variable `GAIN_TEST_ENGINE`
 * (`auto` is allowed), so that the same tests can be run on every engine; otherwise `fallback`.
 */
export function startTestEngine(fallback: EngineName = 'cpu'): Promise<EngineInfo> {
  const engine = (process.env.GAIN_TEST_ENGINE || fallback) as EngineName | 'auto';
  return startEngine({ engine });
}
