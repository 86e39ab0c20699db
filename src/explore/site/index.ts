export { exportSite, type SiteFacts, type SiteOptions } from './export-site.ts';
