// Takes the marks `hasInstallScript` out of package-lock.json: `npm ci` runs the install scripts of marked packages, and
// nothing here needs one (CONTRIBUTING.md, "Set-up").
import { readFileSync, writeFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
for (const entry of Object.values(lock.packages)) delete entry.hasInstallScript;
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
