export { repairKernels } from './repair-kernels.ts';
