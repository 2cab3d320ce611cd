import fc from "fast-check";
import { z } from "zod";
import { arbitraryOf, damaged } from "./arbitrary.ts";

const RUNS = 25;

/**
 * What a peer may send where frames of a schema are due, and none of it is one: other bytes, other JSON, and each kind of frame of the schema
 * with something wrong in it. A kind that is new is among them by itself. @param id the channel that half of them name
 */
export function garbageFor(schema: z.ZodType, id?: string): (string | Buffer)[] {
  const kinds = schema instanceof z.ZodUnion ? (schema.options as z.ZodType[]) : [schema];
  const damagedFrames = kinds.flatMap((kind, index) => fc.sample(damaged(arbitraryOf(kind)), { numRuns: RUNS, seed: 2026_11_29 + index }));
  const named =
    id === undefined ? [] : damagedFrames.map((frame) => (typeof frame === "object" && frame !== null ? { ...frame, id } : frame));
  const wrongIds = kinds.flatMap((kind) =>
    fc
      .sample(arbitraryOf(kind), 1)
      .flatMap((frame) => [-1, 0.5, null, {}, "", "x".repeat(500)].map((wrong) => ({ ...(frame as object), id: wrong }))),
  );
  const json = [null, [], 1, "text", {}, { type: "no-such-kind", id }, { id }, ...damagedFrames, ...named, ...wrongIds];
  const texts = ["", "not JSON", "{", '{"type":', "\0", "[".repeat(50_000), ...json.map((value) => JSON.stringify(value))];
  const good = kinds.flatMap((kind) => fc.sample(arbitraryOf(kind), 1).map((frame) => JSON.stringify(frame)));
  return [
    ...texts.filter((text) => !isFrame(schema, text)),
    // Bytes where text is due, even those of a frame.
    ...["", ...good].map((text) => Buffer.from(text)),
    Buffer.from([0xff, 0xfe, 0]),
  ];
}

function isFrame(schema: z.ZodType, text: string): boolean {
  try {
    return schema.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}
