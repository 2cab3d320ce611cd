import { Option } from "@commander-js/extra-typings";
import type { Plan } from "../../client/index.ts";
import { ApiError } from "../../client/index.ts";
import type { Preview, PreviewItem } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, ExitCode, usageError } from "../failure.ts";
import { isInteractive } from "../io.ts";
import { locateIssue, manifestOf, readManifests, type SourcedManifest } from "../manifests.ts";
import { allowUncheckedOption, documentOutputOption, filesOption, timeoutOption, waitOption, yesOption } from "../options.ts";
import { hasChanges, outlineOf, renderPreview } from "../output/preview.ts";
import { toYaml } from "../output/printer.ts";
import { assertApplicable, assertChecked, wholePreview } from "../preview.ts";
import { confirm } from "../prompt.ts";
import { kindOf } from "../resources.ts";
import { waitFor } from "../wait.ts";

export const applyCommand = defineCommand({
  path: "apply",
  group: "Manifests",
  summary: "Make manifests true, or apply a plan exactly as it was previewed",
  details:
    "Shows the preview and asks; of a plan with --yes, which was seen before, only what it touches. All manifests are one plan: applied all or not at all. When anything the preview was computed from has changed meanwhile, nothing is applied (exit code 5).",
  examples: [
    "claw apply -f web.yaml",
    "claw apply -f fleet/ --yes --wait",
    "cat web.yaml | claw apply -f - --yes",
    "claw apply --plan pln_2f9K --yes",
  ],
  syntax: (command) =>
    command
      .addOption(filesOption)
      .addOption(new Option("--plan <planId>", "apply the plan of an earlier preview"))
      .addOption(yesOption)
      .addOption(allowUncheckedOption)
      .addOption(waitOption)
      .addOption(timeoutOption)
      .addOption(documentOutputOption),
  async run(context, { filename = [], plan: planId, yes, allowUnchecked, wait, timeout, output }) {
    const { claw, io, signal } = context;
    if (filename.length > 0 === (planId !== undefined)) {
      throw usageError("give manifests or a plan, but not both", "claw apply -f <path>, or claw apply --plan <planId>");
    }
    const manifests = planId === undefined ? await readManifests(io, filename) : [];
    const previewed =
      planId === undefined
        ? await previewWhenGone(context, manifests, wait ? timeout : undefined)
        : await claw.previews.get(planId, { signal });
    await applyPlan(context, previewed, { planId, manifests, yes, allowUnchecked, wait, timeout, output });
  },
});

interface Decision {
  /** Of a plan that was seen before. */
  readonly planId?: string | undefined;
  /** What the plan is of, for what is wrong with it. */
  readonly manifests: readonly SourcedManifest[];
  readonly yes: true | undefined;
  readonly allowUnchecked: true | undefined;
  readonly wait: true | undefined;
  readonly timeout: number;
  readonly output: "json" | "yaml" | undefined;
}

/** Shows a plan, asks, applies it and says what became of it. @returns whether it was applied */
export async function applyPlan(context: Context, previewed: Plan, decision: Decision): Promise<boolean> {
  const { io, out, signal } = context;
  const { planId, manifests, yes, allowUnchecked, wait, timeout, output } = decision;
  let preview = await wholePreview(previewed, signal);
  const shown = planId !== undefined && yes ? outlineOf(preview) : preview;
  out.note(renderPreview({ ...shown, planId: undefined }, out.paintNote));
  assertApplicable(previewed);
  // Whoever names a plan has seen that it says so.
  if (planId === undefined && !allowUnchecked) {
    assertChecked(preview);
  }
  if (!hasChanges(preview)) {
    out.note("nothing to do");
  } else {
    if (!yes && !isInteractive(io)) {
      throw usageError("whether to apply this can't be asked without a terminal", `give --yes, or 'claw apply --plan ${preview.id} --yes'`);
    }
    if (!yes && !(await confirm(io, "Apply this?"))) {
      out.note(`nothing was applied; the plan stays valid until ${preview.expiresAt}: claw apply --plan ${preview.id}`);
      return false;
    }
    const applied = await locating(manifests, () => previewed.apply({ signal, renew: yes === true }));
    preview = applied === previewed ? preview : await wholePreview(applied, signal);
  }
  if (wait) {
    await waitFor(context, targetsOf(preview), timeout);
  }
  await report(context, preview, output);
  return true;
}

/** Previews manifests, once instances of their names that are being destroyed are gone. @param timeoutMs how long that may take; undefined where nothing is waited for */
async function previewWhenGone(context: Context, manifests: readonly SourcedManifest[], timeoutMs: number | undefined): Promise<Plan> {
  for (;;) {
    try {
      return await previewManifests(context, manifests);
    } catch (error) {
      const refusal = error instanceof CliError ? error.cause : error;
      const isTaken = refusal instanceof ApiError && refusal.code === "instance.name_taken";
      const ending = isTaken ? refusal.issues.flatMap(({ path }) => manifestOf(path, manifests) ?? []) : [];
      if (timeoutMs === undefined || ending.length === 0) {
        throw error;
      }
      const targets = ending.map(({ manifest: { metadata } }) => ({ name: metadata.name, tenant: metadata.namespace, gone: true }));
      context.out.note(`waiting until ${targets.map(({ name }) => `instance/${name}`).join(", ")} is gone, which is being destroyed`);
      await waitFor(context, targets, timeoutMs);
    }
  }
}

/** Previews manifests as one plan, naming the file and manifest in what is wrong. */
export function previewManifests({ claw, signal }: Context, manifests: readonly SourcedManifest[]): Promise<Plan> {
  return locating(manifests, () => claw.previews.create({ manifests: manifests.map(({ manifest }) => manifest) }, { signal }));
}

async function locating<T>(manifests: readonly SourcedManifest[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError && error.issues.some(({ path }) => path !== "")) {
      const located = error.issues.map(({ path, message, fix }) => {
        const text = `${locateIssue(path, manifests)}: ${message}`;
        return fix === undefined ? text : `${text} (${fix})`;
      });
      throw new CliError(error.title, {
        why: located.join("\n     "),
        fix: "mend the manifests and try again",
        exitCode: error.status === 409 || error.status === 412 ? ExitCode.Conflict : ExitCode.Failure,
        cause: error,
      });
    }
    throw error;
  }
}

function targetsOf(preview: Preview) {
  return preview.items.filter((item) => kindOf(item.kind).runs).map(({ name, tenant, op }) => ({ name, tenant, gone: op === "delete" }));
}

const DONE = { create: "created", update: "updated", delete: "deleted", same: "unchanged" } as const;
const EFFECTS = {
  none: "",
  start: "started",
  "hot-reload": "reloaded",
  restart: "restarted",
  stop: "stopped",
  kill: "killed",
  delete: "deleted",
} as const;

/** What became of a resource: one whose manifest is as it was may be changed by what it rests on. */
function outcomeOf({ op, diffs, effect }: PreviewItem, hasTemplates: boolean): string {
  const isOfItself = op === "create" || op === "delete" || diffs.length > 0 || EFFECTS[effect] === "";
  return isOfItself ? DONE[op] : `${EFFECTS[effect]}${hasTemplates ? " through its template" : ""}`;
}

async function report({ out }: Context, preview: Preview, output: "json" | "yaml" | undefined): Promise<void> {
  if (output === "json") {
    return out.line(JSON.stringify(preview, null, 2));
  }
  if (output === "yaml") {
    return out.write(await toYaml([preview]));
  }
  const hasTemplates = preview.items.some(({ kind, op }) => kind === "ConfigTemplate" && op !== "same");
  for (const item of preview.items) {
    await out.line(`${kindOf(item.kind).word}/${item.name} ${outcomeOf(item, hasTemplates)}`);
  }
}
