import type { Plan } from "../client/index.ts";
import type { Preview, PreviewItem } from "../contract/index.ts";
import type { Context } from "./context.ts";
import { CliError, ExitCode } from "./failure.ts";
import { renderPreview } from "./output/preview.ts";
import { toYaml } from "./output/printer.ts";

/** A plan's preview with all of its items: those of a fleet come in pages. */
export async function wholePreview(plan: Plan, signal: AbortSignal): Promise<Preview> {
  const items: PreviewItem[] = [];
  for await (const item of plan.changes({ signal })) {
    items.push(item);
  }
  const { nextCursor, ...preview } = plan;
  return { ...preview, items };
}

/** Prints a plan as the answer of a command. @throws {PlanRefusedError} when it can't be applied */
export async function showPlan(context: Context, plan: Plan, format?: Format): Promise<void> {
  await printPreview(context, await wholePreview(plan, context.signal), format);
  assertApplicable(plan);
}

type Format = "json" | "yaml" | "name" | undefined;

/** Prints a whole preview. */
export async function printPreview({ out }: Context, preview: Preview, format: Format): Promise<void> {
  if (format === "json") {
    await out.line(JSON.stringify(preview, null, 2));
  } else if (format === "yaml") {
    await out.write(await toYaml([preview]));
  } else {
    await out.line(renderPreview(preview, out.paint));
  }
}

/** @throws {PlanRefusedError} */
export function assertApplicable(plan: Plan): void {
  const refusal = plan.refusal();
  if (refusal) {
    throw refusal;
  }
}

/** @throws {CliError} when nobody has checked what claws would be configured with */
export function assertChecked({ id, items, summary }: Preview): void {
  if (summary.unchecked > 0) {
    const unchecked = items.flatMap((item) => (item.unchecked === undefined ? [] : [`${item.name}: ${item.unchecked}`]));
    throw new CliError("the configuration is not checked", {
      why: unchecked.join("\n     "),
      fix: `try again in a minute, or give --allow-unchecked, or 'claw apply --plan ${id}'`,
      exitCode: ExitCode.Conflict,
    });
  }
}
