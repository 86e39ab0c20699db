/** Files on disk, for every room that writes or reads them. */
export { packageVersion } from './package-version.ts';
