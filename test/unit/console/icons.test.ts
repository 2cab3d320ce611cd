import { inflateSync } from "node:zlib";
import { describe, it } from "vitest";
import { iconPng } from "../../../service/console/offline/icons.ts";

/** The pixel of a PNG of ours, as red, green, blue and alpha. */
function pixelOf(png: Buffer, column: number, row: number): readonly number[] {
  const width = png.readUInt32BE(16);
  const start = png.indexOf("IDAT") + 4;
  const rows = inflateSync(png.subarray(start, start + png.readUInt32BE(start - 8)));
  return [...rows.subarray(row * (1 + width * 4) + 1 + column * 4).subarray(0, 4)];
}

describe("the console's icon", () => {
  it("is a PNG of the size that was asked for, with round corners and the sign in white on its ground", ({ expect }) => {
    const png = iconPng(64);
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([64, 64]);
    expect(pixelOf(png, 0, 0)[3]).toBe(0);
    expect(pixelOf(png, 4, 32)).toEqual([0x24, 0x54, 0xd8, 255]);
    expect(pixelOf(png, 30, 32)).toEqual([255, 255, 255, 255]);
  });

  it("leaves no corner out where a phone cuts its own shape of it", ({ expect }) => {
    expect(pixelOf(iconPng(64, true), 0, 0)).toEqual([0x24, 0x54, 0xd8, 255]);
  });
});
