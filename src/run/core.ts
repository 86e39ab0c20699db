/** What is asked of an open network without files: for browsers. The other face, of everything, is `index.ts`. */

export { isBlackBox } from './is-black-box.ts';
