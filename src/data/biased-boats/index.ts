export { type BiasedBoatsOptions, type Generated, generateBiasedBoats } from './generate.ts';
