import { type Claw, ConflictError } from "../client/index.ts";
import type { Preview, PreviewItem } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { CliError } from "./failure.ts";
import { renderPreview } from "./output/preview.ts";
import { toYaml } from "./output/printer.ts";

/** A preview with all of its items: those of a fleet come in pages. */
export async function wholePreview(claw: Claw, answered: Preview | Promise<Preview>, signal: AbortSignal): Promise<Preview> {
  const { nextCursor, ...preview } = await answered;
  if (nextCursor === undefined) {
    return preview;
  }
  const items: PreviewItem[] = [...preview.items];
  for await (const item of claw.previews.changes(preview.id, { cursor: nextCursor }, { signal })) {
    items.push(item);
  }
  return { ...preview, items };
}

/** Prints a preview as the answer of a command. @throws when it can't be applied */
export async function showPreview(
  { claw, out, signal }: Context,
  answered: Preview | Promise<Preview>,
  format?: "json" | "yaml" | "name",
): Promise<void> {
  const preview = await wholePreview(claw, answered, signal);
  if (format === "json") {
    await out.line(JSON.stringify(preview, null, 2));
  } else if (format === "yaml") {
    await out.write(await toYaml([preview]));
  } else {
    await out.line(renderPreview(preview, out.paint));
  }
  assertApplicable(preview);
}

const ATTEMPTS_MAX = 5;

/**
 * Applies a plan. With `again`, a plan whose base moves meanwhile is made anew: for those who did not ask to see it, to whom a status
 * that changed between two calls is no conflict. @returns the preview that was applied
 */
export async function applyPreview(claw: Claw, preview: Preview, signal: AbortSignal, again?: () => Promise<Preview>): Promise<Preview> {
  let current = preview;
  for (let attempt = 1; ; attempt++) {
    assertApplicable(current);
    if (current.planId === undefined) {
      return current;
    }
    try {
      await claw.previews.apply(current.planId, { signal });
      return current;
    } catch (error) {
      if (!(again && attempt < ATTEMPTS_MAX && error instanceof ConflictError && error.code === "preview.stale")) {
        throw error;
      }
      current = await again();
    }
  }
}

/** @throws when it has problems or a verdict forbids it */
export function assertApplicable(preview: Preview): void {
  const denied = preview.verdicts.filter((verdict) => !verdict.allowed);
  const problems = preview.items.flatMap((item) =>
    item.problems.filter((problem) => problem.blocking).map((problem) => ({ item, problem })),
  );
  if (denied[0]) {
    const { kind, name, message } = denied[0];
    throw new CliError(`the ${kind} '${name}' forbids this`, { why: message });
  }
  if (problems[0]) {
    const { item, problem } = problems[0];
    const count = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
    throw new CliError(`'${item.name}' has a problem${count}`, {
      why: `${problem.path ? `${problem.path}: ` : ""}${problem.message}`,
      fix: problem.fix,
    });
  }
}
