import { UsageError } from '../errors/index.ts';

/** Images of a search: what they are taken for, whom they show, and by which camera. */
export interface IdentitySet {
  /** [n·d] */
  readonly features: Float32Array;
  readonly identities: readonly number[];
  /** @default each image by a camera of its own */
  readonly cameras?: readonly number[] | undefined;
}

export interface Reidentification {
  /** Mean of the queries' average precisions. */
  readonly mAP: number;
  /** cmc[k − 1]: share of the queries that have a right image among their k nearest. */
  readonly cmc: readonly number[];
  /** Queries with at least one right image in the gallery; the others are left out. */
  readonly queries: number;
}

/**
 * How well images of an identity are found again: mean average precision and the cumulative matching characteristic.
 *
 *     AP = (1/R) Σ_r (right images among the first n_r) / n_r,   n_r the rank of the r-th right image
 *     CMC(k) = share of queries whose first right image has a rank of at most k
 *
 * as Market-1501 is evaluated (Zheng et al., "Scalable Person Re-identification: A Benchmark", ICCV 2015): by Euclidean
 * distance of features of length 1; images of the query's identity by the query's own camera are not in its gallery. Equal
 * distances fall in the order of the gallery.
 *
 * @param ranks how far the characteristic goes @default 10
 * @throws {UsageError} when lengths do not fit or nothing can be found
 */
export function reidentification(query: IdentitySet, gallery: IdentitySet, ranks = 10): Reidentification {
  const size = checkedSize(query, 'query');
  if (checkedSize(gallery, 'gallery') !== size) {
    throw new UsageError('query and gallery: their features must have one length');
  }
  const [q, g] = [unit(query.features, size), unit(gallery.features, size)];
  const cmc = new Array<number>(ranks).fill(0);
  let [queries, total] = [0, 0];
  for (const [i, identity] of query.identities.entries()) {
    const candidates = gallery.identities.flatMap((other, j) => {
      const sameCamera =
        query.cameras !== undefined &&
        gallery.cameras !== undefined &&
        query.cameras[i] === gallery.cameras[j];
      if (other === identity && sameCamera) return [];
      let square = 0;
      for (let k = 0; k < size; k++) square += (q[i * size + k]! - g[j * size + k]!) ** 2;
      return [{ square, right: other === identity, j }];
    });
    candidates.sort((a, b) => a.square - b.square || a.j - b.j);
    const hits = candidates.flatMap(({ right }, rank) => (right ? [rank + 1] : []));
    if (hits.length === 0) continue;
    queries++;
    total += hits.reduce((sum, rank, r) => sum + (r + 1) / rank, 0) / hits.length;
    for (let k = hits[0]!; k <= ranks; k++) cmc[k - 1]!++;
  }
  if (queries === 0) throw new UsageError('no query has an image of its identity in the gallery');
  return { mAP: total / queries, cmc: cmc.map((count) => count / queries), queries };
}

function checkedSize({ features, identities, cameras }: IdentitySet, name: string): number {
  const size = features.length / identities.length;
  if (!(Number.isInteger(size) && size >= 1) || (cameras && cameras.length !== identities.length)) {
    throw new UsageError(
      `${name}: expected as many features and cameras as identities (${identities.length}), received ` +
        `${features.length} values and ${cameras?.length ?? 'no'} cameras`,
    );
  }
  return size;
}

function unit(features: Float32Array, size: number): Float64Array {
  const out = Float64Array.from(features);
  for (let at = 0; at < out.length; at += size) {
    let square = 0;
    for (let k = at; k < at + size; k++) square += out[k]! ** 2;
    const length = Math.sqrt(square) || 1;
    for (let k = at; k < at + size; k++) out[k]! /= length;
  }
  return out;
}
