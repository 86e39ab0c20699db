/**
 * Runs tfjs-core's own test-suite (the dist/*_test.js files of the npm package) on the embedded engine:
 *
 *     npm run test:tfjs-core [-- PART_OF_A_TEST_NAME]
 *
 * Ends with `N passed, N failed, N skipped`; the exit code is 1 when a test failed.
 */
import { createRequire } from 'node:module';
import '@tensorflow/tfjs-backend-cpu';
import { type OnnxProvider, registerOnnxBackend } from '../../../../src/engine/onnx/index.ts';
import { exclusions } from './exclusions.ts';

interface TestEnvironment {
  readonly name: string;
  readonly backendName: string;
  readonly isDataSync: boolean;
}

/** What is used of the jasmine package, which has no types of its own. */
interface SpecResult {
  readonly status: string;
  readonly fullName: string;
  readonly failedExpectations: readonly { readonly message: string }[];
}
interface Runner {
  exitOnCompletion: boolean;
  readonly env: {
    configure(options: { random: boolean; specFilter: (spec: { getFullName(): string }) => boolean }): void;
  };
  clearReporters(): void;
  addReporter(reporter: { specDone(result: SpecResult): void }): void;
  execute(): Promise<unknown>;
}

const require = createRequire(import.meta.url);
const part = process.argv[2] ?? '';

// Another provider by `ONNX_PROVIDER=webgpu`.
registerOnnxBackend({ threads: 1, provider: (process.env.ONNX_PROVIDER || 'cpu') as OnnxProvider });
const runner = new (require('jasmine') as new () => Runner)();
runner.exitOnCompletion = false;

const { setTestEnvs } = require('@tensorflow/tfjs-core/dist/jasmine_util') as {
  setTestEnvs: (environments: TestEnvironment[]) => void;
};
setTestEnvs([{ name: 'onnx', backendName: 'onnx', isDataSync: true }]);
require('@tensorflow/tfjs-core/dist/index');
require('@tensorflow/tfjs-core/dist/register_all_gradients');
require('@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops');
require('@tensorflow/tfjs-core/dist/tests');

const count = { passed: 0, failed: 0, skipped: 0 };
runner.clearReporters();
runner.addReporter({
  specDone(result) {
    if (result.status === 'passed') count.passed++;
    else if (result.status === 'failed') {
      count.failed++;
      console.log(`FAILED ${result.fullName}`);
      for (const { message } of result.failedExpectations.slice(0, 3)) {
        console.log(`    ${message.split('\n')[0]?.slice(0, 300)}`);
      }
    } else count.skipped++;
  },
});
runner.env.configure({
  random: false,
  specFilter: (spec) => {
    const name = spec.getFullName();
    return name.includes(part) && !exclusions.some((exclusion) => name.includes(exclusion.name));
  },
});
await runner.execute();
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 ? 1 : 0);
