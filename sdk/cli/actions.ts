import { Option } from "@commander-js/extra-typings";
import type { Claw, RequestOptions } from "../client/index.ts";
import type { ClawInstance, Preview } from "../contract/index.ts";
import { type CommandDefinition, defineCommand } from "./command.ts";
import type { Context } from "./context.ts";
import { usageError } from "./failure.ts";
import { instanceKind } from "./kinds/instance.ts";
import { previewOption, selectorOption, timeoutOption, waitOption, writeOutputOption } from "./options.ts";
import { showPlan } from "./preview.ts";
import { waitFor } from "./wait.ts";

interface ActionSpec {
  readonly verb: "start" | "stop" | "restart";
  readonly summary: string;
  readonly doing: string;
  readonly done: string;
  readonly details?: string;
}

type Action = (
  claw: Claw,
) => ((id: string, options: RequestOptions & { preview: true }) => Promise<Preview>) &
  ((id: string, options?: RequestOptions) => Promise<ClawInstance>);

/** A command that changes the run state of instances: start, stop and restart differ in nothing else. */
export function defineAction(spec: ActionSpec): CommandDefinition {
  const { verb } = spec;
  const action: Action = (claw) => claw.instances[verb] as ReturnType<Action>;
  return defineCommand({
    path: verb,
    group: "Instances",
    summary: spec.summary,
    ...(spec.details === undefined ? {} : { details: spec.details }),
    examples: [`claw ${verb} web`, `claw ${verb} web bot --wait`, `claw ${verb} -l team=red`, `claw ${verb} web --preview`],
    syntax: (command) =>
      command
        .argument("[instance...]", "names")
        .addOption(selectorOption)
        .addOption(previewOption)
        .addOption(waitOption)
        .addOption(timeoutOption)
        .addOption(writeOutputOption),
    async run(context, { selector, preview, wait, timeout, output }, given) {
      const { claw, out, signal } = context;
      const names = await selectNames(context, verb, given, selector);
      if (preview) {
        const changes = names.map((name) => ({ action: verb, name }));
        return showPlan(context, await claw.previews.create({ changes }, { signal }), output);
      }
      const changed: ClawInstance[] = [];
      for (const name of names) {
        const instance = await action(claw)(name, { signal });
        changed.push(instance);
        if (!output) {
          out.note(`instance/${name} ${spec.doing}`);
        }
      }
      if (wait) {
        await waitFor(
          context,
          changed.map(({ metadata }) => ({ name: metadata.name })),
          timeout,
        );
      }
      for (const instance of changed) {
        const { name } = instance.metadata;
        if (output) {
          await out.item(wait ? await claw.instances.get(name, { signal }) : instance, instanceKind, output);
        } else if (wait) {
          await out.line(`instance/${name} ${spec.done}`);
        }
      }
    },
  });
}

/** What `claw kill` does not go without. */
export const forceOption = new Option("--force", "yes, at once and without letting a turn finish");

/** The instances that a command is about: those named, or those with the labels. */
export async function selectNames(
  context: Context,
  verb: string,
  given: readonly string[],
  selector: string | undefined,
): Promise<string[]> {
  const { claw, out, signal } = context;
  if (given.length > 0 === (selector !== undefined)) {
    throw usageError("name instances, or select them by labels, but not both", `claw ${verb} <instance>, or claw ${verb} -l <labels>`);
  }
  if (selector === undefined) {
    return given.map((name) => name.replace(/^instance\//, ""));
  }
  const names: string[] = [];
  for await (const instance of claw.instances.list({ labelSelector: selector }, { signal })) {
    names.push(instance.metadata.name);
  }
  if (names.length === 0) {
    out.note(`no instance has the labels '${selector}'`);
  }
  return names;
}
