import { existsSync } from 'node:fs';
import { type Config, parseConfig, stringifyConfig } from '../config/index.ts';
import { RunError } from '../errors/index.ts';
import { readJson } from '../files/index.ts';
import { writeLine } from '../progress/index.ts';
import { holdsRun, RunDirectory } from '../run/index.ts';
import { type RunOptions, runExperiment } from './run-experiment.ts';
import type { RunSummary } from './run-summary.ts';

/** How a stage ended. */
export interface StageSummary {
  readonly name: string;
  readonly summary: RunSummary;
}

/**
 * Trains the stages of a config one after the other, and then what the config itself describes. Each begins with the
 * network of the one before; its run, with checkpoints, log and results, lies in `stages/NAME` of the run directory.
 *
 * A stage that is complete is not trained again, and one that was interrupted goes on where it stopped: a run that is
 * killed in any stage and resumed ends with the same weights.
 *
 * @throws as {@link runExperiment} does; {ConfigError} for what a stage sets and cannot be
 */
export async function runStages(
  config: Config,
  directory: RunDirectory,
  options: RunOptions,
): Promise<{ readonly stages: readonly StageSummary[]; readonly summary: RunSummary }> {
  const { log = writeLine } = options;
  const plans = config.stages.map((_, i) => stageConfig(config, i));
  const stages: StageSummary[] = [];
  if (plans.length > 0) {
    await directory.begin();
    await directory.write('config.yaml', stringifyConfig(config));
  }
  let network: string | undefined;
  for (const [i, plan] of plans.entries()) {
    const { name } = config.stages[i]!;
    const path = directory.file('stages', name);
    const done = `${path}/summary.json`;
    if (existsSync(done)) {
      stages.push({ name, summary: (await readJson(done, RunError)) as RunSummary });
      log(`stage    ${name}: complete`);
    } else {
      log(`stage    ${name} (${i + 1} of ${plans.length + 1})`);
      const begun = holdsRun(path);
      const own = await RunDirectory.open(path, begun ? 'resume' : 'new');
      try {
        const summary = await runExperiment(withNetwork(plan, network), own, { ...options, resume: begun });
        stages.push({ name, summary });
      } finally {
        own.release();
      }
    }
    network = `${path}/model`;
  }
  if (plans.length > 0) log(`stage    ${config.name} (${plans.length + 1} of ${plans.length + 1})`);
  const before = config.stages[0] && directory.file('stages', config.stages[0].name);
  const summary = await runExperiment(config, directory, { ...options, network, stages, before });
  return { stages, summary };
}

/** The config of a stage: that of the run with what the stage sets laid over it, and without stages of its own. */
function stageConfig(config: Config, index: number): Config {
  const { name, set } = config.stages[index]!;
  const from = `stages.${index} (${name})`;
  const overrides = Object.entries(set).map(([key, value]) => ({ key, value, from: `${from} ${key}:` }));
  return parseConfig(
    stringifyConfig({ ...config, stages: [], name: `${config.name}-${name}` }),
    from,
    overrides,
  );
}

/** A network of an earlier stage has its head and its scaling of pixels already. */
function fromNetwork({ model }: Config, network: string): Config['model'] {
  return { ...model, weights: network, head: null, inputScaling: 'zero-one' };
}

function withNetwork(config: Config, network: string | undefined): Config {
  return network === undefined ? config : { ...config, model: fromNetwork(config, network) };
}
