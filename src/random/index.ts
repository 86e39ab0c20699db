export { normal, normals } from './normal.ts';
export { type Random, randomFor, randomFrom } from './random.ts';
