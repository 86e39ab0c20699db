export { readJson } from './learn-files.ts';
export { Learning, type LearningOptions } from './learning.ts';
export { type LearnRequest, learnRequest, recipe } from './recipe.ts';
