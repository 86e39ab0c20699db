import { convnextTiny } from './convnext.ts';
import { efficientnetB0 } from './efficientnet.ts';
import { mobilenetV1 } from './mobilenet-v1.ts';
import { mobilenetV2 } from './mobilenet-v2.ts';
import { mobilenetV3Large, mobilenetV3Small } from './mobilenet-v3.ts';
import { resnet18, resnet34, resnet50 } from './resnet.ts';
import { simpleConvNet } from './simple-conv-net.ts';
import { smallCnn } from './small-cnn.ts';
import { smallCnn3d } from './small-cnn-3d.ts';
import { vgg11, vgg16 } from './vgg.ts';
import { vitBase, vitSmall, vitTiny } from './vit.ts';
import { wideResnet } from './wide-resnet.ts';

export type { Backbone } from './backbone.ts';

/** The built-in networks by name. */
export const backbones = {
  'small-cnn': smallCnn,
  'small-cnn-3d': smallCnn3d,
  'simple-conv-net': simpleConvNet,
  vgg11,
  vgg16,
  resnet18,
  resnet34,
  resnet50,
  'wide-resnet': wideResnet,
  'mobilenet-v1': mobilenetV1,
  'mobilenet-v2': mobilenetV2,
  'mobilenet-v3-small': mobilenetV3Small,
  'mobilenet-v3-large': mobilenetV3Large,
  'efficientnet-b0': efficientnetB0,
  'convnext-tiny': convnextTiny,
  'vit-tiny': vitTiny,
  'vit-small': vitSmall,
  'vit-base': vitBase,
} as const;

export type BackboneName = keyof typeof backbones;
