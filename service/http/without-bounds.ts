import { z } from "zod";

const made = new WeakMap<z.ZodType, z.ZodType>();

/**
 * A schema of the same types, without bounds and patterns: those are of what comes in. What was stored before there was a bound is answered
 * as it is.
 */
export function withoutBounds(schema: z.ZodType): z.ZodType {
  const known = made.get(schema);
  if (known) {
    return known;
  }
  const result = z.core.clone(schema, { ...schema.def, ...partsOf(schema), checks: [] } as typeof schema.def);
  made.set(schema, result);
  return result;
}

/** What a schema is made of, without bounds. */
function partsOf(schema: z.ZodType): object {
  const bare = (part: unknown) => withoutBounds(part as z.ZodType);
  if (schema instanceof z.ZodObject) {
    return { shape: Object.fromEntries(Object.entries(schema.shape).map(([key, member]) => [key, bare(member)])) };
  }
  if (schema instanceof z.ZodArray) {
    return { element: bare(schema.element) };
  }
  if (schema instanceof z.ZodRecord) {
    return { keyType: bare(schema.keyType), valueType: bare(schema.valueType) };
  }
  if (schema instanceof z.ZodUnion) {
    return { options: schema.options.map(bare) };
  }
  if (schema instanceof z.ZodPipe) {
    return { in: bare(schema.in), out: bare(schema.out) };
  }
  return schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
    ? { innerType: bare(schema.unwrap()) }
    : {};
}
