import { GainError } from '../../errors/index.ts';
import { pack } from '../packing.ts';
import { Session } from './session.ts';
import type { FromSession, ToSession } from './session-process.ts';

// The process that a session lives in, started by `session-process`. It answers one job after the other.

const controllers = new Map<number, AbortController>();
let turn: Promise<void> = Promise.resolve();
let session: Session | undefined;

const send = (message: FromSession) => {
  if (process.connected) process.send!(message);
};

process.on('message', (message: ToSession) => {
  if ('cancel' in message) {
    controllers.get(message.cancel)?.abort();
    return;
  }
  const controller = new AbortController();
  controllers.set(message.id, controller);
  turn = turn.then(async () => {
    try {
      if ('open' in message) session = await Session.open(message.open);
      const value = 'open' in message ? session!.view() : await session!.run(message.job, controller.signal);
      send({ id: message.id, bytes: pack(value) });
    } catch (error) {
      send({ id: message.id, error: described(error) });
    } finally {
      controllers.delete(message.id);
    }
  });
});
// A server that was killed leaves no process behind.
process.on('disconnect', () => process.exit(0));
// Ctrl-C is for the server, which ends this process when it has closed.
process.on('SIGINT', () => {});

function described(error: unknown): { typed: string | null; message: string } {
  if (error instanceof GainError) return { typed: error.name, message: error.message };
  if ((error as Error)?.name === 'AbortError')
    return { typed: 'InterruptedError', message: 'no longer wanted' };
  return { typed: null, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
