export { type AppParts, exploreApp } from './app.ts';
export { contentPolicy, type GuardOptions, guard, KEY_HEADER } from './guard.ts';
export { bundlePage, icon, type PageFiles, type PageName, pageDocument, pageFiles } from './page-files.ts';
export { Scans } from './scans.ts';
export { type Explored, type ExploreOptions, explore } from './serve.ts';
