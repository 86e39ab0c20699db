import { join, relative } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { fileStem, writeJson, writeWhole } from '../files/index.ts';
import { networkNodes, resolveTargetLayer, spatialLayers } from '../gradcam/index.ts';
import { countMultiplyAdds, countParameters } from '../models/index.ts';
import { dataAddress, drawBoxes, html, npy, png } from '../pictures/index.ts';
import { type BlackBox, isBlackBox, type TrainedNetwork } from '../run/index.ts';
import { boxInFile, type MapBox, mapBoxes } from './boxes.ts';
import { animationOf, type ClipSubject, drawFrames, drawOverTime, stripOf } from './clips.ts';
import { CocoBoxes } from './coco-boxes.ts';
import { drawAttribution, drawImage } from './draw-attribution.ts';
import { type Attribution, type ExplainOptions, explainImages } from './explain-images.ts';
import { explanationPage, type ShownImage } from './explanation-page.ts';
import type { NamedImage } from './images.ts';
import { networkFigure } from './network-figure.ts';

export interface WriteOptions extends ExplainOptions {
  /** What else the page tells of its making: command, engine. */
  readonly facts?: readonly (readonly [string, string])[];
  /**
   * Thresholds τ of the boxes {M ≥ τ max M}, by the name of the method; `any` for the others.
   *
   * @default no boxes
   */
  readonly thresholds?: Readonly<Record<string, number>> | undefined;
}

export interface WrittenExplanations {
  /** Path of the page. */
  readonly page: string;
  readonly bytes: number;
  /** How many pictures, and as many raw maps. */
  readonly pictures: number;
  readonly seconds: number;
}

/**
 * Explains images and writes what came out to a folder:
 *
 *     index.html                          methods side by side, scores, the network; loads nothing
 *     explanations.json                   scores, ranges and file names, for programs
 *     IMAGE/NUMBER-CLASS.METHOD.png       the picture
 *     IMAGE/NUMBER-CLASS.METHOD.npy       the raw values, float32 [h, w] or [H,W,c]; of clips [t, h, w] or [T,H,W,c]
 *     IMAGE/NUMBER-CLASS.METHOD.gif       of clips: the picture over time; the other picture shows frames side by side
 *     boxes.METHOD.coco.json              where there are thresholds: the boxes, in pixels of the image files
 *
 * Every file appears whole or not at all, page and list last.
 *
 * @throws {RunError} when the folder cannot be written; else as {@link explainImages}
 */
export async function writeExplanations(
  dir: string,
  subject: TrainedNetwork | BlackBox,
  images: readonly NamedImage[],
  { facts = [], onNote, thresholds = {}, ...options }: WriteOptions,
): Promise<WrittenExplanations> {
  const started = performance.now();
  const notes: string[] = [];
  const shown: ShownImage[] = [];
  const listed: object[] = [];
  let pictures = 0;
  const coco = new Map<string, CocoBoxes>();
  const noting = (line: string) => {
    notes.push(line.replace(/^(warning|left out) +/, (head) => `${head.trim()}: `));
    onNote?.(line);
  };
  const clip = clipOf(subject);
  for await (const explained of explainImages(subject, images, { ...options, onNote: noting })) {
    const { image, probabilities } = explained;
    const photos = clip && drawFrames(image, clip);
    const photo = photos ? stripOf(photos) : drawImage(image, subject.imageSize);
    const [classes, records]: [ShownImage['classes'][number][], object[]] = [[], []];
    for (const { index, logit, probability, attributions } of explained.classes) {
      const name = subject.classes[index]!;
      const [tiles, files]: [ShownImage['classes'][number]['tiles'][number][], Record<string, object>] = [
        [],
        {},
      ];
      for (const attribution of attributions) {
        const { method, shape, values, defect } = attribution;
        const path = join(dir, image.name, `${index}-${fileStem(name)}.${method.name}`);
        const threshold = thresholds[method.name] ?? thresholds.any;
        const boxes = threshold === undefined ? [] : mapBoxes(attribution, subject.imageSize, threshold);
        const overTime = photos && drawOverTime(attribution, photos);
        const drawn = overTime ? stripOf(overTime) : drawAttribution(attribution, photo);
        const picture = boxes.length === 0 ? drawn : drawBoxes(drawn, boxes, boxStyle);
        if (threshold !== undefined && shape.length === 2 && !clip) {
          const known = coco.get(method.name) ?? new CocoBoxes(method.name, threshold, subject.classes);
          coco.set(method.name, known);
          known.add(image, index, probability, boxes);
        }
        await writeWhole(`${path}.npy`, npy(values, shape));
        await writeWhole(`${path}.png`, await png(picture));
        if (overTime) await writeWhole(`${path}.gif`, await animationOf(overTime));
        pictures++;
        const range = rangeOf(attribution);
        tiles.push({ method, address: await dataAddress(picture), range, dead: defect === 'dead' });
        files[method.name] = {
          picture: `${relative(dir, path)}.png`,
          ...(overTime && { animation: `${relative(dir, path)}.gif` }),
          values: `${relative(dir, path)}.npy`,
          shape,
          range: range ?? null,
          ...(threshold !== undefined &&
            shape.length === 2 &&
            !clip && { threshold, boxes: boxes.map((box) => boxRecord(box, image)) }),
          ...(defect && { defect }),
        };
      }
      classes.push({ index, logit, probability, tiles });
      records.push({ class: name, index, logit, probability, methods: files });
    }
    const { width, height } = photo;
    shown.push({ image, probabilities, classes, address: await dataAddress(photo), size: { width, height } });
    listed.push({ image: image.name, file: image.file, classes: records });
  }

  if (clip && Object.keys(thresholds).length > 0) noting('left out  boxes: a box does not say when');
  const layer = isBlackBox(subject) ? undefined : layerOf(subject, options.targetLayer);
  const page = explanationPage({
    title: `${subject.name}: explanations`,
    clips: clip !== undefined,
    scored: isBlackBox(subject) ? 'classes' : subject.scored,
    classNames: subject.classes,
    images: shown,
    network: isBlackBox(subject)
      ? html`<p>Its layers are not known.</p>`
      : networkFigure(networkNodes(subject.model), layer),
    networkFacts: isBlackBox(subject)
      ? [['known of it', `its scores alone: ${subject.blackBox}`]]
      : networkFacts(subject.model, layer),
    makingFacts: [
      ...facts,
      ...(coco.size > 0 ? [['boxes', boxText(thresholds)] as const] : []),
      ['seed', String(options.seed ?? 0)],
      ['scores', isBlackBox(subject) ? `${subject.link} of the logits` : scoresText(subject)],
    ],
    notes,
  });
  const list = { model: subject.name, targetLayer: layer ?? null, seed: options.seed ?? 0, images: listed };
  await writeJson(join(dir, 'explanations.json'), list);
  for (const [method, boxes] of coco) await writeJson(join(dir, `boxes.${method}.coco.json`), boxes);
  const path = join(dir, 'index.html');
  await writeWhole(path, page);
  return {
    page: path,
    bytes: Buffer.byteLength(page),
    pictures,
    seconds: (performance.now() - started) / 1000,
  };
}

function scoresText({ scored, link }: TrainedNetwork): string {
  if (scored === 'values') return 'the numbers, and less them: what raises and what lowers each';
  if (scored === 'regions')
    return 'the logits of the region added up; the share of pixels that are called a class';
  return `${link} of the logits`;
}

/** What is known of the clips that it takes; undefined for images. */
function clipOf(subject: TrainedNetwork | BlackBox): ClipSubject | undefined {
  if (isBlackBox(subject) || !subject.frames) return undefined;
  return { ...subject, frames: subject.frames };
}

/** Frames that are seen on dark and bright. */
const boxStyle = { color: [0, 255, 0], thickness: 2 } as const;

function boxText(thresholds: Readonly<Record<string, number>>): string {
  const { any, ...own } = thresholds;
  const each = Object.entries(own).map(([method, value]) => `${value.toFixed(3)} for ${method}`);
  return `of what lies above a share of each map's maximum: ${[...each, ...(any === undefined ? [] : [any.toFixed(3)])].join(', ')}`;
}

/** A box on the host: shares of what the network sees, and pixels of the file. */
function boxRecord({ area, strength, ...box }: MapBox, image: NamedImage): object {
  return { ...box, area, strength, bbox: boxInFile(box, image) ?? null };
}

/** The layer that class maps were made of; undefined for a network without any. */
function layerOf(
  { model, output, ...subject }: TrainedNetwork,
  asked: string | undefined,
): string | undefined {
  if (spatialLayers(model).length === 0) return undefined;
  return resolveTargetLayer(model, asked ?? subject.targetLayer, { output }).path;
}

function networkFacts(model: tfl.LayersModel, layer: string | undefined): (readonly [string, string])[] {
  const parameters = countParameters(model);
  const trainable = countParameters(model, { trainableOnly: true });
  const count = (value: number) => value.toLocaleString('en');
  return [
    [
      'parameters',
      parameters === trainable
        ? count(parameters)
        : `${count(parameters)}, of which ${count(trainable)} are trained`,
    ],
    [
      'multiply-adds',
      `${count(countMultiplyAdds(model))} per ${model.inputs[0]!.shape.length === 5 ? 'clip' : 'image'}`,
    ],
    ['class maps of', layer ?? 'no layer: none has spatial extent'],
  ];
}

function rangeOf({ values, defect }: Attribution): [number, number] | undefined {
  if (defect === 'not finite') return undefined;
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}
