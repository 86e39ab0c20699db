import type { Random } from '../../random/index.ts';
import { tinted } from './grounds.ts';
import type { Color, Part } from './raster.ts';

/**
 * Things that no label names: rocks, tents, crates, posts and buoys on the ground, balloons and birds in the sky.
 * They share triangles, boxes, circles and bright paint with the classes, so that none of these alone is a clue.
 */
export function drawUpDistractor(place: 'land' | 'water' | 'sky', random: Random): Part[] {
  const paint = tinted(
    random,
    random.pick([
      [0.85, 0.2, 0.15],
      [0.95, 0.75, 0.2],
      [0.2, 0.35, 0.65],
      [0.92, 0.92, 0.9],
      [0.3, 0.55, 0.3],
    ] as const),
    0.08,
  );
  const grey = tinted(random, [0.48, 0.46, 0.44], 0.12);
  switch (random.pick(KINDS[place])) {
    case 'rock':
      return [{ shape: { polygon: rock(random) }, color: grey }];
    case 'tent':
      return [
        {
          shape: {
            polygon: [
              [-0.5, 0],
              [0, -random.uniform(0.5, 0.8)],
              [0.5, 0],
            ],
          },
          color: paint,
        },
        {
          shape: {
            polygon: [
              [-0.12, 0],
              [0, -0.35],
              [0.12, 0],
            ],
          },
          color: [0.15, 0.13, 0.12],
        },
      ];
    case 'crate': {
      const height = random.uniform(0.4, 0.8);
      return [
        rectangle(paint, -0.4, -height, 0.4, 0),
        rectangle(grey, -0.4, -height * 0.55, 0.4, -height * 0.42),
      ];
    }
    case 'post':
      return [
        rectangle([0.35, 0.25, 0.17], -0.05, -1.1, 0.05, 0),
        rectangle(paint, -0.05, -1.1, random.uniform(0.3, 0.5), -0.8),
      ];
    case 'buoy':
      return [
        { shape: { ellipse: [0, -0.2, 0.28, 0.24] }, color: paint },
        rectangle(grey, -0.05, -0.75, 0.05, -0.3),
      ];
    case 'balloon':
      return [
        { shape: { ellipse: [0, -0.7, 0.42, 0.5] }, color: paint },
        rectangle([0.4, 0.28, 0.18], -0.1, -0.14, 0.1, 0),
      ];
    case 'bird':
      return [
        {
          shape: {
            polygon: [
              [-0.5, -0.25],
              [0, -0.02],
              [0.5, -0.25],
              [0.45, -0.33],
              [0, -0.15],
              [-0.45, -0.33],
            ],
          },
          color: [0.2, 0.2, 0.22],
        },
      ];
  }
}

const KINDS = {
  land: ['rock', 'tent', 'crate', 'post'],
  water: ['rock', 'buoy'],
  sky: ['balloon', 'bird', 'bird'],
} as const;

function rectangle(color: Color, left: number, top: number, right: number, bottom: number): Part {
  return {
    shape: {
      polygon: [
        [left, top],
        [right, top],
        [right, bottom],
        [left, bottom],
      ],
    },
    color,
  };
}

function rock(random: Random): [number, number][] {
  const corners = 5 + random.integer(3);
  const rim = Array.from({ length: corners }, (_, i): [number, number] => {
    const angle = Math.PI * (1 - i / (corners - 1));
    const radius = random.uniform(0.35, 0.5);
    return [Math.cos(angle) * radius, -Math.sin(angle) * radius * 0.8];
  });
  return rim;
}
