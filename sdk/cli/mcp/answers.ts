import type { CallToolResult } from "@modelcontextprotocol/server";
import { ExitCode, tell } from "../failure.ts";

/** As much as one answer says: more than that, an agent does not read but pays for. */
const ANSWER_BYTES_MAX = 48 * 1024;

/** How texts and lists are shortened, step by step, until an answer fits. */
const STEPS = [
  { chars: 4000, items: 200 },
  { chars: 1000, items: 50 },
  { chars: 300, items: 20 },
  { chars: 100, items: 5 },
] as const;

/** Whether an answer is small enough as it is. */
export function fits(answer: unknown): boolean {
  return Buffer.byteLength(JSON.stringify(answer)) <= ANSWER_BYTES_MAX;
}

/** An answer of a tool. What is too large is shortened and says so in `cut`. @param fix how all of it can be read */
export function answered(answer: Readonly<Record<string, unknown>>, fix: string): CallToolResult {
  let shown: Record<string, unknown> = { ...answer };
  for (const { chars, items } of STEPS) {
    if (fits(shown)) {
      return { structuredContent: shown, content: [{ type: "text", text: JSON.stringify(shown) }] };
    }
    shown = {
      ...(shortened(answer, chars, items) as object),
      cut: `texts are cut at ${chars} characters, lists at ${items} items; ${fix}`,
    };
  }
  return refused({ what: "the answer is too large to be shown", fix });
}

function shortened(value: unknown, chars: number, items: number): unknown {
  if (typeof value === "string") {
    return value.length <= chars ? value : `${value.slice(0, chars)}… (${value.length} characters)`;
  }
  if (Array.isArray(value)) {
    return value.slice(0, items).map((item) => shortened(item, chars, items));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shortened(inner, chars, items)]));
  }
  return value;
}

interface Refusal {
  readonly what: string;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  readonly code?: string | undefined;
}

/** A failure that the agent reads: what, why, what to do about it. */
export function refused(refusal: Refusal): CallToolResult {
  return { isError: true, content: [{ type: "text", text: JSON.stringify({ error: refusal }).slice(0, ANSWER_BYTES_MAX) }] };
}

/** The answer of a call that failed. */
export function failed(error: unknown): CallToolResult {
  const { exitCode, ...told } = tell(error) ?? { what: error instanceof Error ? error.message : String(error), exitCode: ExitCode.Failure };
  const more = told.code === undefined ? {} : { explain: `call 'explain' with the term '${told.code}'` };
  return refused({ ...told, ...more });
}
