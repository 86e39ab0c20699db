import {
  buildBinding,
  builtVersion,
  findTensorflowPackage,
  findTools,
  removeBuild,
} from '../engine/index.ts';
import { reportEngine } from '../engine-check/index.ts';
import { EngineError } from '../errors/index.ts';
import { writeLine } from '../progress/index.ts';
import { command } from './program.ts';

export const setupTensorflow = command({
  name: 'setup-tensorflow',
  describe: "Build tfjs-node's native part against a Python wheel",
  usage: [
    '',
    'Builds the native part of tfjs-node against the TensorFlow of a Python wheel, for the engine tensorflow.',
  ],
  options: {
    tensorflow: {
      type: 'string',
      requiresArg: true,
      describe:
        'What pip is asked for [default: tensorflow-cpu==2.21.*, with --cuda tensorflow[and-cuda]==2.21.*]',
    },
    cuda: {
      type: 'boolean',
      default: false,
      describe: 'With the CUDA libraries, for NVIDIA GPUs; not tested',
    },
    python: { type: 'string', default: 'python3', requiresArg: true, describe: 'The Python to use' },
    undo: { type: 'boolean', default: false, describe: 'Take out what this program built' },
  },
  examples: [
    ['', 'TensorFlow for the CPU'],
    ['--undo', 'as it was before'],
  ],
  exitCodes: '2 what is missing or did not work; the package is then as it was',
  async run(args) {
    const folder = findTensorflowPackage();
    if (args.undo) {
      const version = await builtVersion(folder);
      const removed = await removeBuild(folder);
      process.stdout.write(
        removed ? `TensorFlow ${version} taken out of ${folder}\n` : 'nothing was built\n',
      );
      return;
    }

    const tools = await findTools({ python: args.python });
    writeLine(`python   ${tools.pythonVersion}`);
    writeLine(`compiler ${tools.compilerVersion}`);
    writeLine(`headers  ${tools.headers ?? 'none beside Node: from npm'}`);
    const requirement =
      args.tensorflow ?? (args.cuda ? 'tensorflow[and-cuda]==2.21.*' : 'tensorflow-cpu==2.21.*');
    // The command that runs is interrupted as well; its failure is what cleans up.
    process.on('SIGINT', () => undefined);
    let passed: string[] = [];
    const check = async () => {
      writeLine('checking it with a training step');
      const report = await reportEngine('tensorflow');
      if (!report.works) {
        throw new EngineError(`the build does not work, and was taken out again: ${report.problem}`);
      }
      passed = [
        `${report.engine.version} works in ${folder}`,
        `gradients as on the engine cpu to ${report.firstOrder.toExponential(0)}, ` +
          `through explanation maps to ${report.secondOrder.toExponential(0)}`,
      ];
    };
    await buildBinding(folder, tools, { requirement, cuda: args.cuda, onStep: writeLine, check });
    process.stdout.write(
      `${passed.join('\n')}\n` +
        'now: npm run train -- --engine tensorflow …   (after another npm ci, run this again)\n',
    );
  },
});
