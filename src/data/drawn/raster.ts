/** Red, green, blue, each from 0 to 1. */
export type Color = readonly [number, number, number];

/** A filled shape in the coordinates of its object: x to the right, y down, the object about 1 wide. */
export interface Part {
  shape:
    | { polygon: readonly (readonly [number, number])[] }
    | { ellipse: readonly [number, number, number, number] };
  color: Color;
}

/** Where an object goes: its origin in pixels, pixels per unit, mirrored or not, turned by an angle (radians). */
export interface Pose {
  x: number;
  y: number;
  scale: number;
  mirror: boolean;
  angle: number;
}

/** An RGB image to draw on, [height, width, 3] from 0 to 1. */
export interface Canvas {
  width: number;
  height: number;
  pixels: Float32Array;
}

export function createCanvas(width: number, height: number): Canvas {
  return { width, height, pixels: new Float32Array(width * height * 3) };
}

/**
 * Draws the parts one over the other, with smooth edges: a pixel is covered by as much as its centre lies inside
 * the shape, measured by the signed distance to its edge, from -1/2 to 1/2 pixel.
 *
 * @returns [height*width], how much of each pixel the object covers
 */
export function drawParts(canvas: Canvas, parts: readonly Part[], pose: Pose): Float32Array {
  const covered = new Float32Array(canvas.width * canvas.height);
  const [cos, sin] = [Math.cos(pose.angle) / pose.scale, Math.sin(pose.angle) / pose.scale];
  const side = pose.mirror ? -1 : 1;
  const reach = pose.scale * Math.max(...parts.map(radius)) + 1;
  const [left, right] = span(pose.x, reach, canvas.width);
  const [top, bottom] = span(pose.y, reach, canvas.height);

  for (const { shape, color } of parts) {
    const distance = 'polygon' in shape ? polygonDistance(shape.polygon) : ellipseDistance(shape.ellipse);
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const dx = column + 0.5 - pose.x;
        const dy = row + 0.5 - pose.y;
        const localX = side * (cos * dx + sin * dy);
        const localY = cos * dy - sin * dx;
        const coverage = Math.min(1, 0.5 - distance(localX, localY) * pose.scale);
        if (coverage <= 0) continue;
        const pixel = row * canvas.width + column;
        // Light comes from above and one side.
        const light = 1.05 + 0.12 * localX - 0.16 * (localY + 0.4);
        blend(canvas, pixel, color, coverage, light);
        covered[pixel] = Math.max(covered[pixel]!, coverage);
      }
    }
  }
  return covered;
}

/** Mixes a colour into a pixel. */
export function blend({ pixels }: Canvas, pixel: number, color: Color, share: number, light = 1): void {
  const keep = 1 - share;
  const add = share * light;
  pixels[pixel * 3] = keep * pixels[pixel * 3]! + add * color[0];
  pixels[pixel * 3 + 1] = keep * pixels[pixel * 3 + 1]! + add * color[1];
  pixels[pixel * 3 + 2] = keep * pixels[pixel * 3 + 2]! + add * color[2];
}

function span(centre: number, reach: number, size: number): [number, number] {
  return [Math.max(0, Math.floor(centre - reach)), Math.min(size, Math.ceil(centre + reach))];
}

/** Greatest distance of a part from the origin. */
function radius({ shape }: Part): number {
  if ('polygon' in shape) return Math.max(...shape.polygon.map(([x, y]) => Math.hypot(x, y)));
  const [x, y, rx, ry] = shape.ellipse;
  return Math.hypot(x, y) + Math.max(rx, ry);
}

/** Signed distance to a polygon: to its nearest edge, negative where an even-odd walk finds the point inside. */
function polygonDistance(points: readonly (readonly [number, number])[]) {
  const xs = Float64Array.from(points, (point) => point[0]);
  const ys = Float64Array.from(points, (point) => point[1]);
  const last = points.length - 1;
  return (x: number, y: number): number => {
    let nearest = Number.POSITIVE_INFINITY;
    let inside = false;
    for (let a = last, b = 0; b <= last; a = b++) {
      const ax = xs[a]!;
      const ay = ys[a]!;
      const ex = xs[b]! - ax;
      const ey = ys[b]! - ay;
      const along = Math.min(1, Math.max(0, ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey || 1)));
      const dx = x - ax - along * ex;
      const dy = y - ay - along * ey;
      nearest = Math.min(nearest, dx * dx + dy * dy);
      if (ay > y !== ay + ey > y && x < ax + ((y - ay) / ey) * ex) inside = !inside;
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}

/** Distance to an axis-parallel ellipse, to first order, which is exact enough within a pixel of its edge. */
function ellipseDistance([cx, cy, rx, ry]: readonly [number, number, number, number]) {
  return (x: number, y: number): number => {
    const u = (x - cx) / rx;
    const v = (y - cy) / ry;
    const level = Math.sqrt(u * u + v * v);
    const slope = Math.sqrt((u / rx) ** 2 + (v / ry) ** 2);
    return slope === 0 ? -Math.min(rx, ry) : (level * (level - 1)) / slope;
  };
}
