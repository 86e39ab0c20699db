export { normal, normals } from './normal.ts';
export { type Random, randomFor } from './random.ts';
