/** What the page and its server have in common, without files: for browsers. */

export {
  type LayerView,
  type LookAnswers,
  type Looked,
  type LookJob,
  look,
  type Making,
  type MapView,
  type MethodView,
  type NetworkView,
  networkView,
  type Plane,
  type Strip,
  type StripsView,
  type Term,
  type UnitPixel,
  type UnitView,
  unitPixel,
} from './look/index.ts';
export type {
  Finding,
  LearnView,
  ListedMask,
  MaskView,
  Numbers,
  SavedMask,
  ScanState,
  ServerView,
  Telling,
  Thumbnail,
  TopImage,
} from './messages.ts';
export { pack, unpack } from './packing.ts';
