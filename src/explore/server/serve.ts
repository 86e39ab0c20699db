import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { userInfo } from 'node:os';
import { serve } from '@hono/node-server';
import { UsageError } from '../../errors/index.ts';
import { Learning } from '../learn/index.ts';
import { DrawnMasks } from '../masks/index.ts';
import { type SessionOptions, SessionProcess } from '../session/index.ts';
import { exploreApp } from './app.ts';
import { pageFiles } from './page-files.ts';
import { Scans } from './scans.ts';

export interface ExploreOptions extends SessionOptions {
  /** @default 127.0.0.1: nobody but this machine */
  readonly host?: string | undefined;
  /** 0 takes a free one. @default 7333, or a free one where it is taken */
  readonly port?: number | undefined;
  /** Who draws, for the masks. @default the user of this machine */
  readonly who?: string | undefined;
  /** The words that start a program of this package, for what is learned. */
  readonly program: readonly string[];
  readonly log?: ((line: string) => void) | undefined;
}

/** A page that is served. */
export interface Explored {
  /** With the key in it. */
  readonly address: string;
  readonly port: number;
  readonly key: string;
  /** What had to be assumed, and what computes. */
  readonly notes: readonly string[];
  close(): Promise<void>;
}

const loopback = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Opens a network and serves the page that looks into it.
 *
 * @throws as opening the network does
 * @throws {UsageError} when the port is taken
 */
export async function explore(options: ExploreOptions): Promise<Explored> {
  const { host = '127.0.0.1', port, log = () => {}, program } = options;
  const [{ session, view }, page] = await Promise.all([
    SessionProcess.open(sessionOptions(options)),
    pageFiles('main'),
  ]);
  try {
    const key = randomBytes(18).toString('base64url');
    const { data, network, fit, runDir } = view;
    const masks = data ? new DrawnMasks(data.dir, network.imageSize, fit, network.classes) : null;
    const learning =
      masks && data && runDir !== null
        ? new Learning({
            run: runDir,
            data: data.dir,
            masks,
            trained: data.trained,
            classes: network.classes,
            program,
          })
        : null;
    const hosts = new Set<string>();
    const app = exploreApp({
      key,
      hosts,
      session,
      view,
      page,
      scans: data ? new Scans(session) : null,
      masks,
      learning,
      who: options.who ?? userName(),
      log,
    });
    const server = await listen(app.fetch, host, port);
    const { port: taken } = server.address() as { port: number };
    const named = host.includes(':') ? `[${host}]` : host;
    // Whoever opens it to other machines is called by the names that they know.
    for (const name of isLoopback(host) ? loopback : [named, ...loopback])
      hosts.add(`${name.toLowerCase()}:${taken}`);
    return {
      address: `http://${named}:${taken}/?key=${key}`,
      port: taken,
      key,
      notes: [...view.notes, `engine   ${view.engine}`],
      async close() {
        session.close();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  } catch (error) {
    session.close();
    throw error;
  }
}

function sessionOptions({ source, data, images, engine, threads }: ExploreOptions): SessionOptions {
  return { source, data, images, engine, threads };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

const usual = 7333;

async function listen(
  fetch: Parameters<typeof serve>[0]['fetch'],
  hostname: string,
  port: number | undefined,
): Promise<Server> {
  const attempt = (number: number) =>
    new Promise<Server>((resolve, reject) => {
      const server = serve({ fetch, hostname, port: number }, () => resolve(server)) as Server;
      server.on('error', reject);
    });
  try {
    return await attempt(port ?? usual);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' && port === undefined) return attempt(0);
    if (code === 'EADDRINUSE') throw new UsageError(`--port: ${port} is taken by another program`);
    if (code === 'EACCES') throw new UsageError(`--port: ${port} may not be used by this user`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new UsageError(`--host: ${hostname} is no address of this machine`);
    }
    throw error;
  }
}
