import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { ApiError } from "../../client/index.ts";
import type { Manifest } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, usageError } from "../failure.ts";
import { allowUncheckedOption, previewOption, timeoutOption, waitOption, yesOption } from "../options.ts";
import { toYaml } from "../output/printer.ts";
import { ownProgram } from "../own-program.ts";
import { showPlan } from "../preview.ts";
import { applyPlan, previewManifests } from "./apply.ts";

/** What `service/roots/adapter-kit/adopt-main.ts` prints. */
type Answer =
  | { readonly error: string }
  | {
      readonly manifests: readonly Manifest[];
      readonly differences: readonly { readonly path: string; readonly before?: unknown; readonly after?: unknown; readonly why: string }[];
      readonly missing: readonly string[];
    };

export const adoptCommand = defineCommand({
  path: "adopt",
  group: "Manifests",
  summary: "Declare an OpenClaw that runs already: a template, its secrets and an instance, of its openclaw.json",
  details:
    "Reads the file with what it includes, the '.env' beside its state, and the variables that it names from this environment or --env-file. What the program would read otherwise is told, value by value, with the reason; it is refused where there is none. Secrets are moved out of the file. The instance is made stopped, and nothing is done to the one that runs: stop that, move its state, and start the instance.",
  examples: [
    "claw adopt ~/.openclaw --preview",
    "claw adopt ~/.openclaw/openclaw.json --name assistant --env-file /etc/openclaw.env",
    "claw adopt ~/.openclaw -o yaml",
  ],
  syntax: (command) =>
    command
      .argument("<path>", "its openclaw.json, or the folder of it")
      .addOption(new Option("--name <name>", "of the template and the instance").default("openclaw"))
      .addOption(new Option("--state <folder>", "where its state is; the file's folder when absent"))
      .addOption(new Option("--env-file <file...>", "variables that it is started with, one a line"))
      .addOption(previewOption)
      .addOption(yesOption)
      .addOption(allowUncheckedOption)
      .addOption(waitOption)
      .addOption(timeoutOption)
      .addOption(
        new Option("-o, --output <format>", "print the manifests, but for what secrets hold, and send nothing").choices(["json", "yaml"]),
      ),
  async run(context, { name, state, envFile = [], preview, yes, allowUnchecked, wait, timeout, output }, path) {
    const { io, out } = context;
    const at = resolve(io.cwd, path);
    const asked = {
      name,
      path: existsSync(join(at, "openclaw.json")) ? join(at, "openclaw.json") : at,
      ...(state !== undefined && { stateDir: resolve(io.cwd, state) }),
      envFiles: envFile.map((file) => resolve(io.cwd, file)),
    };
    const answer = await ask(context, asked);
    if ("error" in answer) {
      throw new CliError(`'${path}' can't be adopted`, { why: answer.error });
    }
    const { manifests, differences, missing } = answer;
    const shown = (value: unknown) => (value === undefined ? "nothing" : JSON.stringify(value));
    for (const { path: key, before, after, why } of differences) {
      out.note(`${key}: ${shown(before)} → ${shown(after)} (${why})`);
    }
    if (missing.length > 0) {
      const fix = "set them here, or name the file that has them: --env-file";
      throw usageError(`nobody knows the values of ${missing.join(", ")}, which its configuration names`, fix);
    }
    if (output !== undefined) {
      const open = manifests.filter(({ kind }) => kind !== "Secret");
      return output === "json" ? out.line(JSON.stringify({ items: open }, null, 2)) : out.write(await toYaml(open));
    }
    const isRunning = await runsAlready(context, name);
    const sourced = manifests.map((manifest) => ({
      // One that was adopted and started before goes on.
      manifest: manifest.kind === "ClawInstance" && isRunning ? { ...manifest, spec: { ...manifest.spec, running: true } } : manifest,
      source: `${manifest.kind} ${manifest.metadata.name}`,
    }));
    const previewed = await previewManifests(context, sourced);
    if (preview) {
      return showPlan(context, previewed);
    }
    const isApplied = await applyPlan(context, previewed, { manifests: sourced, yes, allowUnchecked, wait, timeout, output: undefined });
    if (isApplied && !isRunning) {
      out.note(
        `the instance is made and stopped, and the OpenClaw that runs goes on as it does: it can't be taken over while it runs, since claws run as a user of their own, in folders of their own, with a token of their own. Stop it, move its state as docs/guides/adopt.md says, then: claw start ${name}`,
      );
    }
  },
});

/** Whether there is an instance of that name which is to run. */
async function runsAlready({ claw, signal }: Context, name: string): Promise<boolean> {
  try {
    return (await claw.instances.get(name, { signal })).spec.running;
  } catch (error) {
    if (error instanceof ApiError && error.code === "instance.not_found") {
      return false;
    }
    throw error;
  }
}

async function ask(context: Context, asked: object): Promise<Answer> {
  const { lines, ended } = ownProgram(context, "adopt-main", [JSON.stringify(asked)]);
  let answer: Answer | undefined;
  for await (const line of lines) {
    answer = JSON.parse(line);
  }
  await ended;
  if (!answer) {
    throw new CliError("it broke off before it had an answer");
  }
  return answer;
}
