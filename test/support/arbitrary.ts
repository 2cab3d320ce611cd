import fc from "fast-check";
import { z } from "zod";

/** Values that a schema takes, as a client would send them. */
export function arbitraryOf(schema: z.ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodObject) {
    const members = Object.entries(schema.shape as Record<string, z.ZodType>);
    const required = members.filter(([, member]) => !member.safeParse(undefined).success).map(([key]) => key);
    return fc.record(Object.fromEntries(members.map(([key, member]) => [key, arbitraryOf(member)])), { requiredKeys: required });
  }
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  ) {
    return arbitraryOf(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodArray) {
    return fc.array(arbitraryOf(schema.element as z.ZodType), { maxLength: 2 });
  }
  if (schema instanceof z.ZodRecord) {
    return fc.dictionary(arbitraryOf(schema.keyType as z.ZodType) as fc.Arbitrary<string>, arbitraryOf(schema.valueType as z.ZodType), {
      maxKeys: 2,
    });
  }
  if (schema instanceof z.ZodUnion) {
    return fc.oneof(...(schema.options as z.ZodType[]).map(arbitraryOf));
  }
  if (schema instanceof z.ZodCodec) {
    return fc.constantFrom("true", "false", "1", "no");
  }
  if (schema instanceof z.ZodPipe) {
    return arbitraryOf(schema.in as z.ZodType);
  }
  if (schema instanceof z.ZodEnum) {
    return fc.constantFrom(...schema.options);
  }
  if (schema instanceof z.ZodLiteral) {
    return fc.constantFrom(...schema.values);
  }
  if (schema instanceof z.ZodBoolean) {
    return fc.boolean();
  }
  if (schema instanceof z.ZodNumber) {
    const { minValue, maxValue } = schema;
    const bounds = { min: clamp(minValue), max: clamp(maxValue) };
    return Object.values(bounds).every(Number.isInteger) ? fc.integer(bounds) : fc.double({ ...bounds, noNaN: true });
  }
  if (schema instanceof z.ZodISODateTime) {
    return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  }
  if (schema instanceof z.ZodString) {
    const { pattern } = z.toJSONSchema(schema) as { pattern?: string };
    return pattern === undefined
      ? fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 8 }))
      : fc.stringMatching(new RegExp(pattern)).filter((text) => schema.safeParse(text).success);
  }
  return fc.jsonValue({ maxDepth: 2 });
}

function clamp(bound: number | null): number {
  return Math.max(-2_000_000, Math.min(2_000_000, bound ?? 0));
}

/** A value with something wrong in it: a member that is missing, of another type, or unknown. */
export function damaged(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      value,
      fc.array(fc.nat(100), { minLength: 5, maxLength: 5 }),
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom("drop", "junk", "add"),
    )
    .map(([whole, picks, junk, how]) => {
      const copy: unknown = structuredClone(whole);
      let parent = copy;
      for (const pick of picks) {
        if (typeof parent !== "object" || parent === null) {
          break;
        }
        const members = parent as Record<string, unknown>;
        const keys = Object.keys(members);
        const key = keys[pick % Math.max(1, keys.length)];
        const child = key === undefined ? undefined : members[key];
        if (key !== undefined && typeof child === "object" && child !== null && pick % 3 !== 0) {
          parent = child;
          continue;
        }
        if (how === "add") {
          members[`x${pick}`] = junk;
        } else if (key !== undefined && how === "drop") {
          delete members[key];
        } else if (key !== undefined) {
          members[key] = junk;
        }
        return copy;
      }
      return junk;
    });
}
