import { Option } from "@commander-js/extra-typings";
import { ApiError } from "../../client/index.ts";
import type { ConfigEntry, ConfigValues, ConfigValuesInput } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { usageError } from "../failure.ts";
import { valuesKind } from "../kinds/config-values.ts";
import { defineGet, defineList } from "../nouns.ts";
import { parseValue, previewOption, refsOf, secretRefOption, writeOutputOption, yesOption } from "../options.ts";
import { showPlan } from "../preview.ts";
import { remove } from "../removal.ts";

export const valuesList = defineList("values", valuesKind);
export const valuesGet = defineGet("values", valuesKind);

type At = ConfigValuesInput["spec"]["at"];

export const valuesSet = defineCommand({
  path: "values set",
  group: "Resources",
  summary: "Set config values that many instances share",
  details:
    "A set is made when there is none of that name; '--at' says of which level then. '--secret' and '--lock' are about the keys that are named. Values are JSON where they can be read as such. 'claw config explain <instance>' tells what comes of it.",
  examples: [
    "claw values set models model.name=claude-sonnet-5 --at tenant",
    "claw values set keys environment.API_KEY=… --secret --at project/web",
    "claw values set keys --secret-ref environment.API_KEY=openai --at tenant",
    "claw values set rules model.name=claude-haiku --lock --preview",
  ],
  syntax: (command) =>
    command
      .argument("<values>", "the set's name")
      .argument("[key=value...]", "keys of the config, with their values")
      .addOption(secretRefOption)
      .addOption(new Option("--at <level>", "'tenant', 'global', 'project/<name>' or 'instance/<name>'").argParser(parseAt))
      .addOption(new Option("--secret", "seal the values, and show them never again"))
      .addOption(new Option("--lock", "let stronger levels not change them"))
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { secretRef = {}, at, secret = false, lock = false, preview, output }, name, pairs) {
    const named = refsOf(secretRef).map((entry): ConfigEntry => ({ ...entry, secret, locked: lock }));
    if (pairs.length + named.length === 0) {
      throw usageError("no key is named", "claw values set <values> model.name=claude-sonnet-5");
    }
    const plain = pairs.map((pair): ConfigEntry => {
      const equals = pair.indexOf("=");
      if (equals < 1) {
        throw usageError(`'${pair}' is not of the form key=value`, "claw values set <values> model.name=claude-sonnet-5");
      }
      return { key: pair.slice(0, equals), value: parseValue(pair.slice(equals + 1)) as ConfigEntry["value"], secret, locked: lock };
    });
    const given = [...plain, ...named];
    const former = await existing(context, name);
    if (former && at !== undefined && JSON.stringify(former.spec.at) !== JSON.stringify(at)) {
      throw usageError(`values/${name} is of another level`, `leave '--at' out, or take another name`);
    }
    const keys = new Set(given.map(({ key }) => key));
    const kept = (former?.spec.values ?? []).filter(({ key }) => !keys.has(key));
    await write(
      context,
      name,
      former,
      { spec: { ...former?.spec, at: former?.spec.at ?? at ?? "tenant", values: [...kept, ...given] } },
      { preview, output },
    );
  },
});

export const valuesUnset = defineCommand({
  path: "values unset",
  group: "Resources",
  summary: "Take config values out of a set, so that weaker levels' hold again",
  examples: ["claw values unset models model.name", "claw values unset models model.name --preview"],
  syntax: (command) =>
    command
      .argument("<values>", "the set's name")
      .argument("<key...>", "keys of the config")
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { preview, output }, name, keys) {
    const former = await context.claw.values.get(name, { signal: context.signal });
    const missing = keys.find((key) => former.spec.values.every((value) => value.key !== key));
    if (missing !== undefined) {
      throw usageError(`values/${name} sets no '${missing}'`, `claw values get ${name} -o yaml`);
    }
    const values = former.spec.values.filter(({ key }) => !keys.includes(key));
    await write(context, name, former, { spec: { ...former.spec, values } }, { preview, output });
  },
});

export const valuesDelete = defineCommand({
  path: "values delete",
  group: "Resources",
  summary: "Delete a set of config values",
  examples: ["claw values delete models", "claw values delete models --yes"],
  syntax: (command) => command.argument("<values>", "its name").addOption(previewOption).addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: valuesKind, name }], options),
});

async function existing({ claw, signal }: Context, name: string): Promise<ConfigValues | undefined> {
  try {
    return await claw.values.get(name, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.code === "values.not_found") {
      return undefined;
    }
    throw error;
  }
}

/** On what was read: somebody else's change in between is not written over. */
async function write(
  context: Context,
  name: string,
  former: ConfigValues | undefined,
  { spec }: Pick<ConfigValuesInput, "spec">,
  { preview, output }: { readonly preview: true | undefined; readonly output: "json" | "yaml" | "name" | undefined },
): Promise<void> {
  const { claw, out, signal } = context;
  const version = former && { resourceVersion: former.metadata.resourceVersion };
  const manifest: ConfigValuesInput = { apiVersion: "clusterclaw.io/v1", kind: "ConfigValues", metadata: { name, ...version }, spec };
  if (preview) {
    const plan = former
      ? await claw.values.replace(name, manifest, { preview: true, signal })
      : await claw.values.create(manifest, { preview: true, signal });
    return showPlan(context, plan, output);
  }
  const written = former ? await claw.values.replace(name, manifest, { signal }) : await claw.values.create(manifest, { signal });
  return output ? out.item(written, valuesKind, output) : out.line(`values/${name} ${former ? "changed" : "created"}`);
}

function parseAt(text: string): At {
  const [level = "", name, ...rest] = text.split("/");
  if (rest.length === 0 && name === undefined && (level === "tenant" || level === "global")) {
    return level;
  }
  if (rest.length === 0 && name && level === "project") {
    return { project: name };
  }
  if (rest.length === 0 && name && level === "instance") {
    return { instance: name };
  }
  throw usageError(`'${text}' is no level`, "'tenant', 'global', 'project/<name>' or 'instance/<name>'");
}
