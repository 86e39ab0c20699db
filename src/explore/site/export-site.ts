import { join } from 'node:path';
import sharp from 'sharp';
import { DataError, UsageError } from '../../errors/index.ts';
import { writeFolder, writeWhole } from '../../files/index.ts';
import { saveLayersModel } from '../../models/index.ts';
import { openTrainedNetwork } from '../../run/index.ts';
import { shapeOfImages } from '../look/index.ts';
import { icon, pageDocument, pageFiles } from '../server/index.ts';
import { type ImageView, Session, type SessionOptions } from '../session/index.ts';

export interface SiteOptions extends SessionOptions {
  /** Images that go with it. */
  readonly samples: number;
}

/** What the page of a site has to know beside the model. */
export interface SiteFacts {
  readonly name: string;
  readonly classes: readonly string[];
  readonly link: 'softmax' | 'sigmoid';
  readonly scored: 'classes' | 'regions' | 'values';
  readonly imageSize: readonly [number, number];
  readonly channels: 1 | 3;
  readonly output: number;
  readonly targetLayer: string;
  readonly fit: 'squash' | 'crop';
  readonly images: readonly {
    readonly file: string;
    readonly name: string;
    readonly labels: readonly number[] | null;
  }[];
}

/**
 * Writes the room "Look" as a static page: the model, a few images, and a script that computes in the browser of
 * whoever visits it, by the code that also runs here. It may be put on any web host; it asks nobody else.
 *
 *     index.html page.js page.css favicon.svg    the page
 *     model/model.json weights.bin               the network, for pixels from 0 to 1
 *     site.json images/*.png                     what else it has to know; images at the size of the network
 *
 * @throws as opening the network does
 * @throws {RunError} when the folder cannot be written
 */
export async function exportSite(
  dir: string,
  options: SiteOptions,
): Promise<{ files: number; bytes: number; images: number }> {
  const session = await Session.open(options);
  try {
    const network = await openTrainedNetwork(options.source);
    const images = await samplesOf(session, options.samples);
    const { script, style } = await pageFiles('site');
    const { channels } = network;
    const [height, width] = shapeOfImages(network);
    const pictures = await Promise.all(
      images.map(async ({ pixels }, i) => {
        const bytes = new Uint8ClampedArray(pixels.length);
        for (const [at, value] of pixels.entries()) bytes[at] = 255 * value;
        const image = sharp(Buffer.from(bytes.buffer), { raw: { width, height, channels } });
        return [`${i}.png`, await image.png().toBuffer()] as const;
      }),
    );
    const facts: SiteFacts = {
      name: network.name,
      classes: network.classes,
      link: network.link,
      scored: network.scored,
      imageSize: network.imageSize,
      channels: network.channels,
      output: network.output,
      targetLayer: network.targetLayer,
      fit: network.fit,
      images: images.map(({ name, labels }, i) => ({ file: `images/${i}.png`, name, labels })),
    };
    await saveLayersModel(network.model, join(dir, 'model'));
    if (pictures.length > 0) await writeFolder(join(dir, 'images'), pictures);
    const policy =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; " +
      "media-src 'self' blob:; base-uri 'none'; form-action 'none'";
    const document = pageDocument(`${network.name}: explore`).replace(
      '<meta charset="utf-8">',
      `<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    );
    const files: [string, string][] = [
      ['page.js', script],
      ['page.css', style],
      ['favicon.svg', icon],
      ['site.json', `${JSON.stringify(facts, null, 2)}\n`],
      ['index.html', document],
    ];
    for (const [name, content] of files) await writeWhole(join(dir, name), content);
    const bytes = [...files, ...pictures].reduce((sum, [, content]) => sum + content.length, 0);
    const weights = 4 * network.model.countParams();
    return { files: files.length + pictures.length + 2, bytes: bytes + weights, images: images.length };
  } finally {
    await session.close();
  }
}

/** The first images of the folder, else of the validation split, spread over it. */
async function samplesOf(session: Session, count: number): Promise<ImageView[]> {
  const { data, files } = session.view();
  const ids: string[] = [];
  if (files.length > 0) ids.push(...files.slice(0, count).map((_, i) => `file:${i}`));
  else if (data) {
    const split =
      data.splits.find(({ name }) => name === 'val') ?? data.splits.find(({ examples }) => examples > 0);
    if (!split) throw new DataError(`${data.name}: it has no images`);
    const taken = Math.min(count, split.examples);
    const { examples } = (await session.run({
      kind: 'list',
      split: split.name,
      from: 0,
      count: Math.min(200, Math.max(1, split.examples)),
    })) as { examples: { id: string }[] };
    const step = Math.max(1, Math.floor(examples.length / taken));
    for (let i = 0; i < examples.length && ids.length < taken; i += step) ids.push(examples[i]!.id);
  }
  if (ids.length === 0)
    throw new UsageError('--images FOLDER is needed: there is no data set to take images from');
  const images: ImageView[] = [];
  for (const id of ids) images.push((await session.run({ kind: 'image', image: id })) as ImageView);
  return images;
}
