import { crc32, deflateSync } from "node:zlib";

/** The product's sign, in the units of its SVG: a rounded square, and three strokes as cubic curves. */
const SIZE = 32;
const CORNER = 8;
const STROKE = 2.6;
const CURVES = [
  [9, 7.5, 7.2, 13.1, 7.6, 19.1, 10.8, 24.5],
  [16, 6.5, 14.6, 12.5, 14.9, 19.1, 17.2, 25.5],
  [23, 7.5, 22.1, 13.3, 22.5, 18.9, 24.3, 23.9],
] as const;
const GROUND = [0x24, 0x54, 0xd8] as const;
/** Points of a curve, and of a pixel each way. */
const STEPS = 48;
const SAMPLES = 3;

const points = CURVES.flatMap(([x0, y0, x1, y1, x2, y2, x3, y3]) =>
  Array.from({ length: STEPS + 1 }, (_, step) => {
    const at = step / STEPS;
    const left = 1 - at;
    const bend = (a: number, b: number, c: number, d: number) =>
      left ** 3 * a + 3 * left ** 2 * at * b + 3 * left * at ** 2 * c + at ** 3 * d;
    return [bend(x0, x1, x2, x3), bend(y0, y1, y2, y3)] as const;
  }),
);

/**
 * The sign as a PNG of so many pixels.
 * @param isMaskable whether a phone cuts a shape of its own out of it: then it is without corners, and smaller on its ground
 */
export function iconPng(pixels: number, isMaskable = false): Buffer {
  const [scale, corner] = isMaskable ? [1.35, 0] : [1, CORNER];
  const radius = STROKE / 2;
  const rows = Buffer.alloc(pixels * (1 + pixels * 4));
  const unit = SIZE / pixels;
  const across = (position: number) => (position - SIZE / 2) * scale + SIZE / 2;
  for (let row = 0; row < pixels; row++) {
    const lines = Array.from({ length: SAMPLES }, (_, sample) => {
      const y = (row + (sample + 0.5) / SAMPLES) * unit;
      const v = across(y);
      // Few of all points are near one line.
      return { dy: Math.max(corner - y, y - (SIZE - corner), 0), v, near: points.filter(([, py]) => Math.abs(py - v) <= radius) };
    });
    for (let column = 0; column < pixels; column++) {
      let [covered, stroked] = [0, 0];
      for (const { dy, v, near } of lines) {
        for (let sample = 0; sample < SAMPLES; sample++) {
          const x = (column + (sample + 0.5) / SAMPLES) * unit;
          const dx = Math.max(corner - x, x - (SIZE - corner), 0);
          if (dx * dx + dy * dy <= corner * corner) {
            covered++;
            const u = across(x);
            stroked += near.some(([px, py]) => (px - u) ** 2 + (py - v) ** 2 <= radius ** 2) ? 1 : 0;
          }
        }
      }
      const white = covered === 0 ? 0 : stroked / covered;
      const colour = GROUND.map((part) => Math.round(part + (255 - part) * white));
      rows.set([...colour, Math.round((255 * covered) / SAMPLES ** 2)], row * (1 + pixels * 4) + 1 + column * 4);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(pixels, 0);
  head.writeUInt32BE(pixels, 4);
  // Eight bits for each of red, green, blue and alpha.
  head.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunkOf("IHDR", head),
    chunkOf("IDAT", deflateSync(rows, { level: 9 })),
    chunkOf("IEND", Buffer.alloc(0)),
  ]);
}

function chunkOf(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}
