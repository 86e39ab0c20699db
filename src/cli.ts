#!/usr/bin/env node
import { main } from './programs/cli.ts';

// The package's command, `npx tfjs-gain train …`.
await main(process.argv.slice(2));
