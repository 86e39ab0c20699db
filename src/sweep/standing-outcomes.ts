import type { Outcome } from './perform.ts';
import type { RunState } from './run-state.ts';
import { JobBook, standings } from './slurm/index.ts';
import type { Sweep } from './sweep.ts';

/** How the runs of a sweep stand while nothing is done about it: by their directories, and by what their jobs said. */
export async function standingOutcomes(sweep: Sweep, states: readonly RunState[]): Promise<Outcome[]> {
  if ((await new JobBook(sweep).jobs()).size > 0) {
    return (await standings(sweep)).map(({ outcome }) => outcome);
  }
  return states.map((state) => ({
    status: state === 'finished' || state === 'diverged' ? state : 'missing',
  }));
}
