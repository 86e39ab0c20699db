export { type Separator, separate } from './linear-separator.ts';
export { type Tcav, type TcavOptions, tcav } from './tcav.ts';
