import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';

export interface GuardOptions {
  /** What has to be known to be let in. */
  readonly key: string;
  /** `host:port` under which this server is called, each in lower case. */
  readonly hosts: ReadonlySet<string>;
}

/** What no page of this server may do: load from, send to, or be framed by anything but itself. */
export const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "media-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers of every answer. */
const headers = {
  'Content-Security-Policy': contentPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(self), microphone=(), geolocation=()',
  'Cache-Control': 'no-store',
};

/** Where the key stands in a request of the page. */
export const KEY_HEADER = 'x-explore-key';

/**
 * Lets nobody in but the page that this server itself has given out.
 *
 * - `Host` has to be an address of this server: a name that was bound to 127.0.0.1 elsewhere (DNS rebinding) is refused.
 * - `Origin` and `Sec-Fetch-Site`, where a browser sends them, have to say that the page is of this server.
 * - What computes or reads needs the key.
 */
export function guard({ key, hosts }: GuardOptions): MiddlewareHandler {
  return async (context, next) => {
    const { req } = context;
    const host = (req.header('host') ?? '').toLowerCase();
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    if (!hosts.has(host)) return context.text('This server is not called that.', 403);
    const origin = req.header('origin');
    if (origin !== undefined && origin.toLowerCase() !== `http://${host}`) {
      return context.text('Another page may not ask this server.', 403);
    }
    const site = req.header('sec-fetch-site');
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      return context.text('Another page may not ask this server.', 403);
    }
    const open = req.path === '/page.js' || req.path === '/page.css' || req.path === '/favicon.svg';
    const given = req.path === '/' ? req.query('key') : req.header(KEY_HEADER);
    if (!open && !sameKey(given ?? '', key)) {
      return context.text(
        'The key in the address is missing or wrong: open the address that npm run explore printed.',
        403,
      );
    }
    return next();
  };
}

/** Compared in a time that says nothing of the key. */
function sameKey(given: string, key: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(key));
}
