import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Rollout, RolloutInput, RolloutInstance } from "../../contract/index.ts";
import { type CommandDefinition, defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, ExitCode, usageError } from "../failure.ts";
import { isInteractive } from "../io.ts";
import { rolloutKind } from "../kinds/rollout.ts";
import { defineGet, defineList } from "../nouns.ts";
import { outputOption, parseCount, parseDuration, previewOption, selectorOption, writeOutputOption, yesOption } from "../options.ts";
import { formatAge } from "../output/age.ts";
import { renderPreview } from "../output/preview.ts";
import type { View } from "../output/printer.ts";
import { assertApplicable, showPlan, wholePreview } from "../preview.ts";
import { confirm } from "../prompt.ts";
import { remove } from "../removal.ts";
import { sleep } from "../watch.ts";
import { parseVersion } from "./pin.ts";

export const rolloutsList = defineList("rollouts", rolloutKind);
export const rolloutsGet = defineGet("rollouts", rolloutKind);

type Spec = RolloutInput["spec"];

export const rolloutsCreate = defineCommand({
  path: "rollouts create",
  group: "Resources",
  summary: "Bring a config version, a version of a claw's program or a secret's new value to instances in waves",
  details:
    "Shows what each instance would get and asks; what begins is bound to that. Waves: 'all-at-once', 'one-then-rest', or how far each goes in percent, '5,25,100'. Waves by labels, windows, freezes and gates are written in a manifest: 'claw apply -f'.",
  examples: [
    "claw rollouts create base-13 --config base --to 13",
    "claw rollouts create base-13 --config base --to 13 --waves 5,25,100 --bake 10m --max-unavailable 20%",
    "claw rollouts create new-key --secret openai --to 2",
    "claw rollouts create newer --type OpenClaw --version 2026.9.6 -l ring=canary --on-failure rollback --yes",
  ],
  syntax: (command) =>
    command
      .argument("<rollout>", "its name")
      .addOption(new Option("--config <template>", "a config template"))
      .addOption(new Option("--secret <secret>", "a secret with a value that is to come").conflicts("config"))
      .addOption(new Option("--to <version>", "its version, of 'claw configs versions', or the value's number").argParser(parseVersion))
      .addOption(new Option("--type <type>", "a claw type").conflicts(["config", "secret"]))
      .addOption(new Option("--version <version>", "a version of its program"))
      .addOption(selectorOption)
      .addOption(new Option("--waves <waves>", "in which waves").argParser(parseWaves).default("one-then-rest" as Waves, "one-then-rest"))
      .addOption(new Option("--bake <duration>", "how long each wave is watched").argParser(parseDuration).default(60_000, "60s"))
      .addOption(new Option("--max-unavailable <number>", "how many may be not ready at a time: '2', '20%'").argParser(parseUnavailable))
      .addOption(new Option("--approve-each", "each wave after the first waits for 'claw rollouts approve'"))
      .addOption(new Option("--ready-within <duration>", "how long an instance may take to be ready").argParser(parseDuration))
      .addOption(new Option("--restarts <count>", "how often a claw may end by itself").argParser(parseCount(0, 1000)))
      .addOption(new Option("--on-failure <what>", "what becomes of it when a gate fails").choices(["pause", "rollback"] as const))
      .addOption(previewOption)
      .addOption(yesOption)
      .addOption(writeOutputOption),
  async run(context, { preview, yes, output, ...options }, name) {
    const { claw, io, out, signal } = context;
    const manifest: RolloutInput = { apiVersion: "clusterclaw.io/v1", kind: "Rollout", metadata: { name }, spec: specOf(options) };
    const plan = await claw.rollouts.create(manifest, { preview: true, signal });
    if (preview) {
      return showPlan(context, plan, output);
    }
    out.note(renderPreview({ ...(await wholePreview(plan, signal)), planId: undefined }, out.paintNote));
    assertApplicable(plan);
    if (!yes && !isInteractive(io)) {
      throw usageError("whether to begin this can't be asked without a terminal", `give --yes, or 'claw apply --plan ${plan.id} --yes'`);
    }
    if (!yes && !(await confirm(io, "Begin this?"))) {
      return out.note(`nothing was begun; the plan stays valid until ${plan.expiresAt}: claw apply --plan ${plan.id}`);
    }
    await plan.apply({ signal, renew: yes === true });
    const begun = await claw.rollouts.get(name, { signal });
    return output ? out.item(begun, rolloutKind, output) : out.line(`rollout/${name} has begun: ${begun.status.message}`);
  },
});

interface Given {
  readonly config?: string | undefined;
  readonly secret?: string | undefined;
  readonly to?: number | undefined;
  readonly type?: string | undefined;
  readonly version?: string | undefined;
  readonly selector?: string | undefined;
  readonly waves: Waves;
  readonly bake: number;
  readonly maxUnavailable?: number | string | undefined;
  readonly approveEach?: true | undefined;
  readonly readyWithin?: number | undefined;
  readonly restarts?: number | undefined;
  readonly onFailure?: "pause" | "rollback" | undefined;
}
type Waves = "all-at-once" | "one-then-rest" | number[];

/** @throws {CliError} where it does not say what is rolled out */
function specOf(given: Given): Spec {
  const { selector, waves, bake, maxUnavailable, approveEach, readyWithin, restarts, onFailure } = given;
  return {
    description: "",
    change: changeOf(given),
    ...(selector !== undefined && { selector }),
    strategy: typeof waves === "string" ? waves : { percentages: waves },
    bakeSeconds: Math.ceil(bake / 1000),
    ...(maxUnavailable !== undefined && { maxUnavailable }),
    approval: approveEach ? "each-wave" : "none",
    gates: {
      ready: { withinSeconds: Math.ceil((readyWithin ?? 300_000) / 1000) },
      restarts: { max: restarts ?? 0 },
    },
    onFailure: onFailure ?? "pause",
    windows: [],
    freezes: [],
  };
}

function changeOf({ config, secret, to, type, version }: Given): Spec["change"] {
  if (secret !== undefined && to !== undefined) {
    return { secret: { name: secret, number: to } };
  }
  if (config !== undefined && to !== undefined) {
    return { config: { template: config, version: to } };
  }
  if (type !== undefined && version !== undefined) {
    return { software: { type, version } };
  }
  throw usageError(
    "it is not said what is rolled out",
    "give '--config <template> --to <version>', '--secret <secret> --to <number>' or '--type <type> --version <version>'",
  );
}

function parseWaves(text: string): Waves {
  if (text === "all-at-once" || text === "one-then-rest") {
    return text;
  }
  const percentages = text.split(",").map(Number);
  if (percentages.some((percent) => !Number.isInteger(percent))) {
    throw new InvalidArgumentError("not 'all-at-once', 'one-then-rest', or percentages such as '5,25,100'.");
  }
  return percentages;
}

function parseUnavailable(text: string): number | string {
  return text.endsWith("%") ? text : parseCount(1, 1000)(text);
}

const instanceView: View<RolloutInstance> = {
  name: ({ name }) => `instance/${name}`,
  columns: [
    { header: "INSTANCE", value: ({ name }) => name },
    { header: "WAVE", value: ({ wave }) => wave },
    { header: "STATE", value: ({ state }) => state },
    { header: "FROM", value: ({ from }) => (from === null ? "-" : String(from)) },
    { header: "TO", value: ({ to }) => String(to) },
    { header: "AGE", value: ({ changedAt }) => (changedAt === undefined ? "-" : formatAge(changedAt)) },
    { header: "MESSAGE", value: ({ message }) => message || "-" },
  ],
};

export const rolloutsInstances = defineCommand({
  path: "rollouts instances",
  group: "Resources",
  summary: "List the instances of a rollout, and how far each is",
  examples: ["claw rollouts instances base-13", "claw rollouts instances base-13 -o json"],
  syntax: (command) => command.argument("<rollout>", "its name").addOption(outputOption),
  async run({ claw, out, signal }, { output }, name) {
    const items: RolloutInstance[] = [];
    for await (const item of claw.rollouts.instances(name, { limit: 200 }, { signal })) {
      items.push(item);
    }
    await out.items(items, instanceView, output);
  },
});

const LOOK_MS = 1000;
const ENDED = new Set<string>(["Completed", "Aborted", "RolledBack"]);

export const rolloutsWatch = defineCommand({
  path: "rollouts watch",
  group: "Resources",
  summary: "Tell how a rollout goes on, until it ends or waits for somebody",
  details: "Exits with 0 when it is completed or waits for an approval, and with 1 when it was paused, aborted or rolled back.",
  examples: ["claw rollouts watch base-13"],
  syntax: (command) => command.argument("<rollout>", "its name"),
  async run({ claw, out, signal }, _options, name) {
    for (let told = ""; ; await sleep(LOOK_MS, signal)) {
      const { status } = await claw.rollouts.get(name, { signal });
      const { phase, message, counts } = status;
      const line = `${phase} ${counts.updated}/${counts.total}${message === "" ? "" : `: ${message}`}`;
      if (line !== told) {
        await out.line(line);
        told = line;
      }
      if (phase === "Completed" || phase === "AwaitingApproval") {
        return;
      }
      if (phase === "Paused" || ENDED.has(phase)) {
        throw new CliError(`rollout/${name} is ${phase}`, {
          why: message,
          fix: `claw describe rollout ${name}`,
          exitCode: ExitCode.Failure,
        });
      }
    }
  },
});

type Call = (claw: Context["claw"], name: string, signal: AbortSignal) => Promise<Rollout>;

/** A command that decides how a rollout goes on, and takes nothing but its name. */
function defineDecision(verb: "pause" | "resume" | "approve", summary: string, done: string, call: Call): CommandDefinition {
  return defineCommand({
    path: `rollouts ${verb}`,
    group: "Resources",
    summary,
    examples: [`claw rollouts ${verb} base-13`],
    syntax: (command) => command.argument("<rollout>", "its name").addOption(writeOutputOption),
    async run({ claw, out, signal }, { output }, name) {
      const rollout = await call(claw, name, signal);
      return output ? out.item(rollout, rolloutKind, output) : out.line(`rollout/${name} ${done}`);
    },
  });
}

export const rolloutsPause = defineDecision("pause", "Change no more instances until it is resumed", "is paused", (claw, name, signal) =>
  claw.rollouts.pause(name, { signal, preview: false }),
);
export const rolloutsResume = defineDecision("resume", "Go on with a paused rollout", "goes on", (claw, name, signal) =>
  claw.rollouts.resume(name, { signal, preview: false }),
);
export const rolloutsApprove = defineDecision("approve", "Let the next wave begin", "goes on", (claw, name, signal) =>
  claw.rollouts.approve(name, { signal, preview: false }),
);

export const rolloutsAbort = defineCommand({
  path: "rollouts abort",
  group: "Resources",
  summary: "End a rollout; with '--rollback', its instances get back what they had",
  details: "Without '--rollback' instances stay as they are: those that have the new version are held to it.",
  examples: ["claw rollouts abort base-13", "claw rollouts abort base-13 --rollback"],
  syntax: (command) =>
    command
      .argument("<rollout>", "its name")
      .addOption(new Option("--rollback", "give instances back what they had"))
      .addOption(writeOutputOption),
  async run({ claw, out, signal }, { rollback, output }, name) {
    const rollout = await claw.rollouts.abort(name, { rollback: rollback === true }, { signal, preview: false });
    return output ? out.item(rollout, rolloutKind, output) : out.line(`rollout/${name} ${rollback ? "is rolled back" : "is aborted"}`);
  },
});

export const rolloutsRetry = defineCommand({
  path: "rollouts retry",
  group: "Resources",
  summary: "Try what failed once more, and go on",
  examples: ["claw rollouts retry base-13", "claw rollouts retry base-13 --instance web"],
  syntax: (command) =>
    command.argument("<rollout>", "its name").addOption(new Option("--instance <name>", "this one alone")).addOption(writeOutputOption),
  async run({ claw, out, signal }, { instance, output }, name) {
    const rollout = await claw.rollouts.retry(name, { ...(instance !== undefined && { instance }) }, { signal, preview: false });
    return output ? out.item(rollout, rolloutKind, output) : out.line(`rollout/${name} is ${rollout.status.phase}`);
  },
});

export const rolloutsDelete = defineCommand({
  path: "rollouts delete",
  group: "Resources",
  summary: "Delete rollouts that have ended",
  examples: ["claw rollouts delete base-13 --yes"],
  syntax: (command) => command.argument("<rollout>", "its name").addOption(previewOption).addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: rolloutKind, name }], options),
});
