// A program that scores images, as `explain --command` asks one: the mean of the left half, and what is left to 1.
import { createInterface } from 'node:readline';
import { halfScores } from './half-scores.mjs';

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ scores: halfScores(JSON.parse(line)) })}\n`);
}
