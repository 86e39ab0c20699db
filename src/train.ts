import { main } from './programs/cli.ts';

// The main job, `npm run train -- --config FILE`.
await main(['train', ...process.argv.slice(2)]);
