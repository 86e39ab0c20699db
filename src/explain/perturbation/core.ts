/** The methods without what asks other processes: for browsers. The other face, of everything, is `index.ts`. */

export { lime } from './lime.ts';
export { occlusion } from './occlusion.ts';
export { rise } from './rise.ts';
