import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";

const dir = join(import.meta.dirname, "../../deploy/images");
const files = readdirSync(dir).filter((name) => name.endsWith(".Dockerfile"));
const bases = new Map<string, string>();

describe("images", () => {
  it.for(files)("of %s have a base that is pinned by digest, and run as nobody in particular", (name, { expect }) => {
    const text = readFileSync(join(dir, name), "utf8");
    const [, image = "", digest] = /^ARG BASE=(\S+)@(sha256:[0-9a-f]{64})$/m.exec(text) ?? [];
    expect(digest).toBeDefined();
    // The same image everywhere: nodes keep one copy of it.
    expect(bases.get(image) ?? digest).toBe(digest);
    bases.set(image, digest ?? "");
    const froms = [...text.matchAll(/^FROM (\S+)/gm)].map(([, from]) => from);
    expect(new Set(froms)).toEqual(new Set(["${BASE}"]));
    // Stages that are given away end with a user; others are built from only.
    const given = text
      .split(/^FROM /m)
      .slice(1)
      .filter((stage) => stage.includes("LABEL "));
    expect(given.length).toBeGreaterThan(0);
    expect(given.every((stage) => /^USER 1000:1000$/m.test(stage))).toBe(true);
  });
});
