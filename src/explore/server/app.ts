import { join } from 'node:path';
import { Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import * as z from 'zod';
import { GainError, UsageError } from '../../errors/index.ts';
import { type Learning, learnRequest, readJson } from '../learn/index.ts';
import { type DrawnMasks, exportDrawn, NO_REVISION } from '../masks/index.ts';
import type { ListedMask, MaskView, SavedMask, ServerView, Telling } from '../messages.ts';
import { pack, unpack } from '../packing.ts';
import { pageJob, type SessionProcess, type SessionView } from '../session/index.ts';
import { type GuardOptions, guard } from './guard.ts';
import { icon, type PageFiles, pageDocument } from './page-files.ts';
import type { Scans } from './scans.ts';

export interface AppParts extends GuardOptions {
  readonly session: Pick<SessionProcess, 'ask'>;
  readonly view: SessionView;
  readonly page: PageFiles;
  readonly scans: Scans | null;
  readonly masks: DrawnMasks | null;
  readonly learning: Learning | null;
  /** Whoever sits before the page, for the masks. */
  readonly who: string;
  readonly log: (line: string) => void;
}

/** Bytes of an image that is brought, and of any other message. */
const most = { upload: 32 * 2 ** 20, message: 2 ** 20 };

const scanRequest = z.strictObject({
  splits: z.array(z.string().min(1).max(300)).min(1).max(100),
  network: z.int().min(0).max(10_000).default(0),
  again: z.boolean().default(false),
});

const maskRequest = z.object({
  id: z.string().min(1).max(300),
  base: z.string().max(40),
  classes: z.instanceof(Uint8Array),
  irrelevant: z.instanceof(Uint8Array),
});

/**
 * What the server answers. No path of a request reaches the file system: images, splits and runs are named by ids
 * that the server itself has given out.
 */
export function exploreApp(parts: AppParts): Hono {
  const { session, view, page, scans, masks, learning } = parts;
  const app = new Hono();
  app.use(guard(parts));
  app.onError((error, context) => {
    const { status, sentence } = said(error, parts.log);
    return context.json({ error: sentence }, status);
  });
  app.notFound((context) => context.json({ error: 'There is nothing here.' }, 404));

  const limited = (bytes: number): MiddlewareHandler =>
    bodyLimit({
      maxSize: bytes,
      onError: (context) =>
        context.json({ error: `This is more than the ${bytes / 2 ** 20} MiB that are taken.` }, 413),
    });
  const binary = (bytes: Uint8Array<ArrayBuffer>) =>
    new Response(bytes, { headers: { 'Content-Type': 'application/octet-stream' } });

  app.get('/', (context) => context.html(pageDocument(`${view.network.name}: explore`)));
  app.get('/page.js', (context) => context.body(page.script, 200, { 'Content-Type': 'text/javascript' }));
  app.get('/page.css', (context) => context.body(page.style, 200, { 'Content-Type': 'text/css' }));
  app.get('/favicon.svg', (context) => context.body(icon, 200, { 'Content-Type': 'image/svg+xml' }));

  app.get('/api/view', (context) =>
    context.json(viewOf(view, { who: parts.who, canDraw: masks !== null, canLearn: learning !== null })),
  );
  app.post('/api/ask', limited(most.message), async (context) => {
    const job = checked(pageJob, await json(context.req.raw));
    const { signal } = context.req.raw;
    if (job.kind === 'look' && job.network > 0) await learning?.adopt(job.network, session);
    return binary(await session.ask(job, { signal, soon: job.kind !== 'tops' }));
  });
  app.post('/api/images', limited(most.upload), async (context) => {
    const bytes = new Uint8Array(await context.req.arrayBuffer());
    // A name for the eye; nothing is stored under it.
    const name = (context.req.query('name') ?? 'image').replace(/[^\p{L}\p{N} ._-]+/gu, '_').slice(0, 80);
    return binary(await session.ask({ kind: 'upload', bytes, name }, { signal: context.req.raw.signal }));
  });

  app.post('/api/scan', limited(most.message), async (context) => {
    if (!scans) throw new UsageError('there is no data set to look through');
    const { splits, network, again } = checked(scanRequest, await json(context.req.raw));
    if (network > 0) await learning?.adopt(network, session);
    return context.json(scans.look(splits, network, again));
  });

  // What the audit of the run says of single images: where the object does not decide the answer.
  app.get('/api/audit', (context) => context.json(tellingOf(view.runDir)));

  app.get('/api/masks', async (context) => {
    if (!masks) throw new UsageError('there is no data set whose images could be marked');
    const all = [...(await masks.all()).values()];
    return context.json(
      all.map<ListedMask>(({ id, classes, irrelevant, by, at, revision }) => ({
        id,
        by,
        at,
        revision,
        classes: [...new Set(classes)].filter((value) => value > 0).map((value) => value - 1),
        irrelevant: irrelevant.includes(1),
      })),
    );
  });
  app.get('/api/mask', async (context) => {
    if (!masks) throw new UsageError('there is no data set whose images could be marked');
    const found = await masks.get(context.req.query('id') ?? '');
    return binary(pack((found ?? { revision: NO_REVISION }) satisfies MaskView));
  });
  app.put('/api/mask', limited(most.upload), async (context) => {
    if (!masks) throw new UsageError('there is no data set whose images could be marked');
    const bytes = new Uint8Array(await context.req.arrayBuffer());
    const { id, base, ...grids } = checked(maskRequest, packed(bytes));
    // Asking for the image says whether there is such a one.
    await session.ask({ kind: 'thumbnails', images: [id], side: 16 });
    if (!id.includes('#')) throw new UsageError(`${id}: only images of the data set can be marked`);
    const mask = { id, ...grids, by: parts.who, at: new Date().toISOString() };
    const saved = await masks.save(mask, base);
    const { by, at } = mask;
    return context.json({ revision: saved?.revision ?? NO_REVISION, by, at } satisfies SavedMask);
  });
  app.get('/api/masks.zip', async (context) => {
    if (!masks) throw new UsageError('there is no data set whose images could be marked');
    const { classes, imageSize } = view.network;
    const zip = await exportDrawn((await masks.all()).values(), classes, imageSize);
    return context.body(Uint8Array.from(zip), 200, {
      'Content-Type': 'application/zip',
      'Content-Disposition': 'attachment; filename="drawn-masks.zip"',
    });
  });

  app.get('/api/learn', async (context) => context.json((await learning?.list()) ?? []));
  app.post('/api/learn', limited(most.message), async (context) => {
    if (!learning) throw new UsageError('only a run with a data set can go on learning; this is none');
    return context.json(await learning.begin(checked(learnRequest, await json(context.req.raw)), parts.who));
  });
  app.post('/api/learn/:number{[0-9]+}/:what{stop|go-on}', async (context) => {
    if (!learning) throw new UsageError('nothing has been learned here');
    const number = Number(context.req.param('number'));
    if (context.req.param('what') === 'stop') await learning.stop(number);
    else await learning.goOn(number);
    return context.json(await learning.list());
  });
  return app;
}

/** Where things lie on this machine is nothing that a page has to know. */
function viewOf(
  { network, engine, notes, run, data, files }: SessionView,
  person: Pick<ServerView, 'who' | 'canDraw' | 'canLearn'>,
): ServerView {
  const { dir: _, ...shown } = data ?? {};
  return { network, engine, notes, run, data: data && (shown as ServerView['data']), files, ...person };
}

/** The images that an audit found telling, class by class, those that tell most first; none without an audit. */
function tellingOf(run: string | null): Telling[] {
  const audit =
    run === null
      ? undefined
      : readJson<{ classes: { class: string; telling: Omit<Telling, 'class'>[] }[] }>(
          join(run, 'audit', 'audit.json'),
        );
  return (audit?.classes ?? []).flatMap(({ class: name, telling }) =>
    telling.map(({ id, change, before, after }) => ({ id, class: name, change, before, after })),
  );
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new UsageError(`${issue!.path.join('.') || 'message'}: ${issue!.message}`);
}

async function json(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new UsageError('message: is not JSON');
  }
}

function packed(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes);
  } catch {
    throw new UsageError('message: is cut short or not what the page sends');
  }
}

/** A typed error is a sentence for the person; anything else is for whoever reads the terminal. */
function said(
  error: unknown,
  log: (line: string) => void,
): { status: ContentfulStatusCode; sentence: string } {
  if (error instanceof GainError)
    return { status: error.exitCode === 130 ? (499 as ContentfulStatusCode) : 422, sentence: error.message };
  log(`error    ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return { status: 500, sentence: 'Something went wrong that should not; the terminal says what.' };
}
