import type { Random } from '../../random/index.ts';
import { tinted } from './grounds.ts';
import type { Color, Part } from './raster.ts';

export type ObjectClass = 'boat' | 'car' | 'house' | 'tree' | 'plane' | 'animal' | 'tank';

/** Draws up one object of a class: about 1 wide, standing on y = 0, rising to negative y. */
export function drawUp(name: ObjectClass, random: Random): Part[] {
  return BLUEPRINTS[name](random);
}

/** Width in pixels, at 64 pixels for the whole image. Boats are not among the largest things. */
export const WIDTHS: Record<ObjectClass, readonly [number, number]> = {
  boat: [18, 32],
  car: [20, 32],
  house: [18, 29],
  tree: [15, 25],
  plane: [21, 33],
  animal: [21, 32],
  tank: [21, 32],
};

const BLUEPRINTS: Record<ObjectClass, (random: Random) => Part[]> = {
  boat,
  car,
  house,
  tree,
  plane,
  animal,
  tank,
};

const PAINTS: readonly Color[] = [
  [0.85, 0.2, 0.16],
  [0.92, 0.92, 0.9],
  [0.15, 0.28, 0.6],
  [0.95, 0.75, 0.15],
  [0.2, 0.5, 0.3],
  [0.18, 0.18, 0.2],
  [0.9, 0.5, 0.15],
  [0.5, 0.2, 0.45],
  [0.6, 0.4, 0.25],
  [0.55, 0.75, 0.82],
];
const GLASS: Color = [0.35, 0.48, 0.58];
const WOOD: Color = [0.4, 0.27, 0.16];
const TYRE: Color = [0.1, 0.1, 0.11];

const paintOf = (random: Random) => tinted(random, random.pick(PAINTS), 0.08);

function polygon(color: Color, ...points: (readonly [number, number])[]): Part {
  return { shape: { polygon: points }, color };
}

function box(color: Color, left: number, top: number, right: number, bottom: number): Part {
  return polygon(color, [left, top], [right, top], [right, bottom], [left, bottom]);
}

function ellipse(color: Color, x: number, y: number, rx: number, ry: number): Part {
  return { shape: { ellipse: [x, y, rx, ry] }, color };
}

function boat(random: Random): Part[] {
  const hull = paintOf(random);
  const depth = random.uniform(0.14, 0.26);
  const [bow, stern] = [random.uniform(0.12, 0.25), random.uniform(0.03, 0.14)];
  const rise = random.uniform(0.02, 0.1);
  const parts = [
    polygon(hull, [-0.5, -depth], [0.5, -depth - rise], [0.5 - bow, 0], [-0.5 + stern, 0]),
    polygon(
      paintOf(random),
      [-0.49, -depth],
      [0.49, -depth - rise],
      [0.47, -depth + 0.03],
      [-0.47, -depth + 0.05],
    ),
  ];
  switch (random.integer(4)) {
    case 0: {
      const [mast, height] = [random.uniform(-0.08, 0.12), random.uniform(0.65, 1.05)];
      const sail = random.next() < 0.6 ? tinted(random, [0.92, 0.91, 0.86], 0.06) : paintOf(random);
      parts.push(
        box(WOOD, mast - 0.018, -depth - height, mast + 0.018, -depth),
        polygon(
          sail,
          [mast - 0.03, -depth - height + 0.03],
          [mast - 0.03, -depth - 0.08],
          [-0.45, -depth - 0.1],
        ),
      );
      if (random.next() < 0.6) {
        parts.push(
          polygon(
            sail,
            [mast + 0.03, -depth - height * 0.8],
            [mast + 0.03, -depth - 0.08],
            [0.44, -depth - 0.12],
          ),
        );
      }
      break;
    }
    case 1: {
      const [left, right] = [random.uniform(-0.4, -0.25), random.uniform(0.02, 0.15)];
      const top = -depth - random.uniform(0.17, 0.27);
      const cabin = tinted(random, [0.88, 0.87, 0.84], 0.1);
      parts.push(
        polygon(cabin, [left, top], [right, top], [right + 0.1, -depth], [left, -depth]),
        box(GLASS, left + 0.06, top + 0.05, right - 0.03, top + 0.13),
      );
      break;
    }
    case 2: {
      const top = -depth - random.uniform(0.2, 0.3);
      const funnel = random.uniform(-0.22, -0.05);
      parts.push(
        box(tinted(random, [0.85, 0.83, 0.78], 0.1), -0.35, top, 0.15, -depth),
        box(paintOf(random), funnel, top - random.uniform(0.15, 0.28), funnel + 0.13, top),
        box(WOOD, 0.27, -depth - random.uniform(0.4, 0.6), 0.3, -depth),
      );
      break;
    }
    default:
      parts.push(
        box(WOOD, -0.2, -depth - 0.04, -0.12, -depth + 0.02),
        box(WOOD, 0.1, -depth - 0.04, 0.18, -depth + 0.02),
        polygon(WOOD, [-0.02, -depth - 0.05], [0.02, -depth - 0.07], [0.34, 0.06], [0.3, 0.08]),
      );
  }
  return parts;
}

function car(random: Random): Part[] {
  const paint = paintOf(random);
  const wheel = random.uniform(0.085, 0.11);
  const belt = -random.uniform(0.24, 0.3);
  const roof = belt - random.uniform(0.15, 0.24);
  const [front, back] = [random.uniform(0.05, 0.22), random.uniform(-0.36, -0.25)];
  const van = random.next() < 0.3;
  const cabin: Part = van
    ? polygon(paint, [-0.47, belt], [-0.46, roof - 0.05], [0.28, roof - 0.05], [0.42, belt])
    : polygon(paint, [back - 0.12, belt], [back, roof], [front, roof], [front + 0.17, belt]);
  const window = van
    ? box(GLASS, -0.05, roof, 0.26, belt + 0.02)
    : polygon(
        GLASS,
        [back - 0.05, belt],
        [back + 0.03, roof + 0.05],
        [front - 0.02, roof + 0.05],
        [front + 0.1, belt],
      );
  return [
    cabin,
    polygon(paint, [-0.5, belt + 0.02], [0.42, belt], [0.5, belt + 0.09], [0.5, -wheel], [-0.5, -wheel]),
    window,
    ...[-0.29, 0.29].flatMap((x) => [
      ellipse(TYRE, x, -wheel, wheel, wheel),
      ellipse([0.6, 0.6, 0.62], x, -wheel, wheel * 0.45, wheel * 0.45),
    ]),
  ];
}

function house(random: Random): Part[] {
  const wall = tinted(
    random,
    random.pick([
      [0.85, 0.8, 0.68],
      [0.7, 0.36, 0.28],
      [0.9, 0.9, 0.88],
      [0.6, 0.55, 0.5],
      [0.85, 0.7, 0.4],
    ] as const),
    0.06,
  );
  const roofing = tinted(
    random,
    random.pick([
      [0.55, 0.2, 0.14],
      [0.28, 0.27, 0.3],
      [0.4, 0.28, 0.2],
      [0.25, 0.35, 0.45],
    ] as const),
    0.06,
  );
  const eaves = -random.uniform(0.45, 0.75);
  const ridge = eaves - random.uniform(0.2, 0.42);
  const peak = random.uniform(-0.1, 0.1);
  const door = random.uniform(-0.3, 0.16);
  const pane = tinted(random, [0.4, 0.5, 0.6], 0.1);
  const parts: Part[] = [box(wall, -0.42, eaves, 0.42, 0)];
  if (random.next() < 0.5) {
    const chimney = random.uniform(0.12, 0.25);
    parts.unshift(box([0.45, 0.25, 0.2], chimney, ridge - 0.04, chimney + 0.11, eaves));
  }
  if (random.next() < 0.75) parts.push(polygon(roofing, [-0.5, eaves], [peak, ridge], [0.5, eaves]));
  else parts.push(polygon(roofing, [-0.5, eaves], [-0.3, ridge + 0.06], [0.3, ridge + 0.06], [0.5, eaves]));
  parts.push(box(tinted(random, WOOD, 0.1), door, -0.3, door + 0.15, 0));
  for (const x of [-0.33, 0.2]) {
    if (Math.abs(x - door) > 0.17) parts.push(box(pane, x, eaves + 0.1, x + 0.15, eaves + 0.25));
  }
  return parts;
}

function tree(random: Random): Part[] {
  const leaves = tinted(
    random,
    random.pick([
      [0.14, 0.34, 0.16],
      [0.25, 0.45, 0.18],
      [0.5, 0.4, 0.14],
      [0.6, 0.28, 0.12],
      [0.18, 0.4, 0.3],
    ] as const),
    0.06,
  );
  const darker: Color = [leaves[0] * 0.8, leaves[1] * 0.8, leaves[2] * 0.8];
  const trunk = tinted(random, WOOD, 0.06);
  const stem = random.uniform(0.05, 0.08);
  if (random.next() < 0.45) {
    const [height, tiers] = [random.uniform(1.1, 1.7), 2 + random.integer(2)];
    const parts = [box(trunk, -stem, -0.25, stem, 0)];
    for (let tier = 0; tier < tiers; tier++) {
      const low = -0.18 - (tier * (height - 0.4)) / tiers;
      const half = 0.5 * (1 - (0.55 * tier) / tiers);
      parts.push(
        polygon(tier % 2 ? darker : leaves, [-half, low], [half, low], [0, low - (height * 1.25) / tiers]),
      );
    }
    return parts;
  }
  const crown = -random.uniform(0.75, 1.15);
  const blobs = Array.from({ length: 4 + random.integer(3) }, (_, i) => {
    const radius = random.uniform(0.2, 0.32);
    return ellipse(
      i % 2 ? darker : leaves,
      random.uniform(-0.24, 0.24),
      crown + random.uniform(-0.22, 0.22),
      radius,
      radius * 0.9,
    );
  });
  return [box(trunk, -stem, crown, stem, 0), ellipse(darker, 0, crown, 0.4, 0.34), ...blobs];
}

function plane(random: Random): Part[] {
  const body = random.next() < 0.5 ? tinted(random, [0.9, 0.9, 0.92], 0.06) : paintOf(random);
  const wing = random.next() < 0.5 ? body : paintOf(random);
  const shade: Color = [wing[0] * 0.8, wing[1] * 0.8, wing[2] * 0.8];
  const thick = random.uniform(0.065, 0.1);
  const sweep = random.uniform(0.05, 0.2);
  const reach = random.uniform(0.24, 0.36);
  const y = -0.3;
  return [
    polygon(shade, [0.1, y], [-0.08, y], [-0.08 - sweep, y - reach * 0.8], [-0.01 - sweep, y - reach * 0.8]),
    ellipse(body, 0, y, 0.5, thick),
    polygon(wing, [-0.36, y], [-0.5, y - random.uniform(0.2, 0.3)], [-0.4, y - 0.2], [-0.24, y - 0.02]),
    polygon(wing, [0.14, y + 0.02], [-0.08, y + 0.02], [-0.1 - sweep, y + reach], [0.0 - sweep, y + reach]),
    ellipse(GLASS, 0.36, y - thick * 0.35, 0.07, thick * 0.4),
  ];
}

function animal(random: Random): Part[] {
  const coat = tinted(
    random,
    random.pick([
      [0.92, 0.9, 0.86],
      [0.36, 0.22, 0.13],
      [0.16, 0.14, 0.14],
      [0.78, 0.5, 0.24],
    ] as const),
    0.06,
  );
  const patch = tinted(
    random,
    random.pick([
      [0.15, 0.13, 0.12],
      [0.5, 0.32, 0.2],
      [0.9, 0.88, 0.84],
    ] as const),
    0.05,
  );
  const leg = random.uniform(0.22, 0.36);
  const girth = random.uniform(0.13, 0.2);
  const middle = -leg - girth * 0.8;
  const neck = random.uniform(0.05, 0.3);
  const thin = random.uniform(0.028, 0.04);
  const head: readonly [number, number] = [0.4, middle - girth * 0.4 - neck];
  const legs = [-0.3, -0.2, 0.12, 0.22].map((x, i) => {
    const color: Color = i % 2 ? [coat[0] * 0.75, coat[1] * 0.75, coat[2] * 0.75] : coat;
    return box(color, x - thin, middle, x + thin, 0);
  });
  return [
    ...legs,
    polygon(coat, [-0.36, middle - 0.08], [-0.45, middle + 0.15], [-0.42, middle + 0.16], [-0.32, middle]),
    ellipse(coat, -0.04, middle, 0.34, girth),
    polygon(
      coat,
      [0.14, middle - girth * 0.6],
      [0.28, middle + girth * 0.3],
      [head[0] + 0.05, head[1] + 0.04],
      [head[0] - 0.06, head[1] - 0.03],
    ),
    ellipse(coat, head[0] + 0.02, head[1], 0.11, 0.068),
    polygon(
      coat,
      [head[0] - 0.05, head[1] - 0.03],
      [head[0] - 0.06, head[1] - 0.13],
      [head[0] + 0.01, head[1] - 0.05],
    ),
    ellipse(patch, random.uniform(-0.22, -0.08), middle - 0.03, random.uniform(0.05, 0.1), girth * 0.5),
    ellipse(patch, random.uniform(0.02, 0.16), middle + 0.01, random.uniform(0.04, 0.08), girth * 0.45),
  ];
}

function tank(random: Random): Part[] {
  const paint = tinted(
    random,
    random.pick([
      [0.33, 0.37, 0.22],
      [0.62, 0.55, 0.38],
      [0.4, 0.42, 0.42],
      [0.25, 0.3, 0.2],
      [0.85, 0.85, 0.82],
      [0.45, 0.3, 0.18],
    ] as const),
    0.06,
  );
  const shade: Color = [paint[0] * 0.8, paint[1] * 0.8, paint[2] * 0.8];
  const wheel = random.uniform(0.055, 0.075);
  const track = 2.6 * wheel;
  const deck = -track - random.uniform(0.08, 0.13);
  const roof = deck - random.uniform(0.12, 0.18);
  const [back, front] = [random.uniform(-0.26, -0.16), random.uniform(0.06, 0.16)];
  const [length, raise] = [random.uniform(0.34, 0.5), random.uniform(0, 0.12)];
  const gun = (deck + roof) / 2;
  const wheels = 4 + random.integer(3);
  const parts = [
    polygon(
      shade,
      [front - 0.04, gun - 0.03],
      [front + length, gun - 0.03 - raise],
      [front + length, gun + 0.02 - raise],
      [front - 0.04, gun + 0.03],
    ),
    polygon(paint, [back, deck], [back + 0.05, roof], [front - 0.04, roof], [front + 0.03, deck]),
    polygon(paint, [-0.46, deck], [0.36, deck], [0.5, -track], [-0.5, -track]),
    polygon(TYRE, [-0.5, -track], [0.5, -track], [0.44, -0.03], [0.36, 0], [-0.36, 0], [-0.44, -0.03]),
    ...Array.from({ length: wheels }, (_, i) =>
      ellipse([0.42, 0.42, 0.4], -0.36 + (0.72 * i) / (wheels - 1), -track / 2, wheel, wheel),
    ),
  ];
  if (random.next() < 0.5) parts.push(box(shade, back + 0.07, roof - 0.05, back + 0.17, roof));
  return parts;
}
