import { Option } from "@commander-js/extra-typings";
import type { Plan } from "../../client/index.ts";
import type { ConfigTemplate, ConfigTemplateInput, ConfigVersion, Issue } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, usageError } from "../failure.ts";
import { configKind } from "../kinds/config-template.ts";
import { readManifests } from "../manifests.ts";
import { defineGet, defineList } from "../nouns.ts";
import {
  allowUncheckedOption,
  documentOutputOption,
  filesOption,
  outputOption,
  parsePair,
  parseValue,
  previewOption,
  refsOf,
  secretRefOption,
  selectorOption,
  writeOutputOption,
  yesOption,
} from "../options.ts";
import { formatAge } from "../output/age.ts";
import { renderFileDiff, renderPropertyDiff } from "../output/preview.ts";
import type { View } from "../output/printer.ts";
import { showPlan } from "../preview.ts";
import { remove } from "../removal.ts";
import { parseVersion } from "./pin.ts";

export const configsList = defineList("configs", configKind);
export const configsGet = defineGet("configs", configKind);

/** A command that writes drafts: what is new, or what is there already. */
function defineDraft(verb: "create" | "update", summary: string, write: (claw: Context["claw"], manifest: ConfigTemplateInput) => Draft) {
  return defineCommand({
    path: `configs ${verb}`,
    group: "Resources",
    summary,
    details:
      "A draft reaches no instance before it is published: 'claw configs publish'. 'claw apply -f' writes and publishes in one step.",
    examples: [`claw configs ${verb} -f base.yaml`],
    syntax: (command) => command.addOption(filesOption).addOption(previewOption).addOption(writeOutputOption),
    async run(context, { filename = [], preview, output }) {
      const { io, claw, out, signal } = context;
      if (filename.length === 0) {
        throw usageError("no manifest was given", `claw configs ${verb} -f <path>`);
      }
      for (const { manifest, source } of await readManifests(io, filename)) {
        if (manifest.kind !== "ConfigTemplate") {
          throw usageError(`${source} is a ${manifest.kind}, not a ConfigTemplate`, `claw apply -f ${filename.join(" ")}`);
        }
        const draft = write(claw, manifest);
        if (preview) {
          await showPlan(context, await draft.preview(signal), output);
          continue;
        }
        const written = await draft.write(signal);
        await (output ? out.item(written, configKind, output) : out.line(`config/${written.metadata.name} ${verb}d`));
      }
    },
  });
}

interface Draft {
  preview(signal: AbortSignal): Promise<Plan>;
  write(signal: AbortSignal): Promise<ConfigTemplate>;
}

export const configsCreate = defineDraft("create", "Create config templates from manifests, as drafts", (claw, manifest) => ({
  preview: (signal) => claw.configs.create(manifest, { preview: true, signal }),
  write: (signal) => claw.configs.create(manifest, { preview: false, signal }),
}));

export const configsUpdate = defineDraft("update", "Change drafts of config templates from manifests", (claw, manifest) => ({
  preview: (signal) => claw.configs.replace(manifest.metadata.name, manifest, { preview: true, signal }),
  write: (signal) => claw.configs.replace(manifest.metadata.name, manifest, { preview: false, signal }),
}));

const versionView: View<ConfigVersion> = {
  name: (version) => String(version.version),
  columns: [
    { header: "VERSION", value: (v) => `v${v.version}` },
    { header: "AGE", value: (v) => formatAge(v.createdAt) },
    { header: "AUTHOR", value: (v) => v.author },
    { header: "MESSAGE", value: (v) => v.message || "-" },
    { header: "DIGEST", value: (v) => v.digest, wide: true },
  ],
};

export const configsVersions = defineCommand({
  path: "configs versions",
  group: "Resources",
  summary: "List a config template's published versions, newest first",
  examples: ["claw configs versions base", "claw configs versions base -o json"],
  syntax: (command) => command.argument("<config>", "its name").addOption(outputOption),
  async run({ claw, out, signal }, { output }, name) {
    const versions: ConfigVersion[] = [];
    for await (const version of claw.configs.versions(name, {}, { signal })) {
      versions.push(version);
    }
    await out.items(versions, versionView, output);
  },
});

export const configsPublish = defineCommand({
  path: "configs publish",
  group: "Resources",
  summary: "Publish a config template's draft to every instance that uses it",
  details: "'--preview' shows which instances change, which lines of their files, and whether they restart.",
  examples: [
    "claw configs publish base --preview",
    "claw configs publish base -m 'Cheaper model'",
    "claw configs publish base --hold -m 'for a rollout'",
  ],
  syntax: (command) =>
    command
      .argument("<config>", "its name")
      .addOption(new Option("-m, --message <text>", "why").default(""))
      .addOption(new Option("--hold", "make the version, and let it reach nobody yet: 'claw rollouts create' brings it to instances"))
      .addOption(previewOption)
      .addOption(allowUncheckedOption)
      .addOption(writeOutputOption),
  async run(context, { message, hold = false, preview, allowUnchecked, output }, name) {
    const { claw, out, signal } = context;
    if (preview) {
      return showPlan(context, await claw.configs.publish(name, { message, hold }, { preview: true, signal }), output);
    }
    const version = await claw.configs.publish(name, { message, hold }, { allowUnchecked: allowUnchecked === true, signal });
    const done = hold ? `has version ${version.version}, which is held` : `published as version ${version.version}`;
    return output ? out.item(version, versionView, output) : out.line(`config/${name} ${done}`);
  },
});

const toOption = new Option("--to <version>", "a number of 'claw configs versions'").argParser(parseVersion);

export const configsDiff = defineCommand({
  path: "configs diff",
  group: "Resources",
  summary: "Compare two versions of a config template, or one with the draft",
  details:
    "With '--instance': also the values and the files that it would have by each of the two versions, with the values of the levels that held when each was published. What it overrides itself, and what secrets are, is as it is now.",
  examples: ["claw configs diff base --from 3", "claw configs diff base --from 3 --to 5 --instance web"],
  syntax: (command) =>
    command
      .argument("<config>", "its name")
      .addOption(new Option("--from <version>", "a number of 'claw configs versions'").argParser(parseVersion).makeOptionMandatory())
      .addOption(new Option("--to <version>", "the other; the draft when absent").argParser(parseVersion))
      .addOption(new Option("--instance <name>", "an instance whose values and files are to be compared"))
      .addOption(documentOutputOption),
  async run({ claw, out, signal }, { from, to, instance, output }, name) {
    const query = { from, ...(to !== undefined && { to }), ...(instance !== undefined && { instance }) };
    const { diffs, values = [], files = [], issues = [] } = await claw.configs.diff(name, query, { signal });
    if (output) {
      return out.item({ diffs, values, files, issues }, { columns: [], name: () => name }, output);
    }
    for (const diff of [...diffs, ...values]) {
      await out.line(renderPropertyDiff(diff, out.paint));
    }
    for (const { diff } of files) {
      await out.line(renderFileDiff(diff, out.paint).join("\n"));
    }
    for (const { path, message } of issues) {
      out.note(`${path}: ${message}`);
    }
    if (diffs.length + values.length + files.length === 0) {
      out.note("nothing differs");
    }
  },
});

export const configsRollback = defineCommand({
  path: "configs rollback",
  group: "Resources",
  summary: "Publish what a former version of a config template says once more",
  details:
    "For every instance that uses it, by a new version that is equal to the old one; what is not published of the draft stays, and so do the values of the levels: 'claw config explain NAME --at-version 12' says what they were. With '-l': for those instances alone, which are held to the old version until 'claw pin --newest'.",
  examples: [
    "claw configs rollback base --to 12 --preview",
    "claw configs rollback base --to 12 -m 'the new model is too slow'",
    "claw configs rollback base --to 12 -l ring=canary",
  ],
  syntax: (command) =>
    command
      .argument("<config>", "its name")
      .addOption(toOption.makeOptionMandatory())
      .addOption(new Option("-m, --message <text>", "why").default(""))
      .addOption(selectorOption)
      .addOption(previewOption)
      .addOption(allowUncheckedOption)
      .addOption(writeOutputOption),
  async run(context, { to, message, selector, preview, allowUnchecked, output }, name) {
    const { claw, out, signal } = context;
    const request = { to, message, ...(selector !== undefined && { labelSelector: selector }) };
    if (preview) {
      return showPlan(context, await claw.configs.rollback(name, request, { preview: true, signal }), output);
    }
    const version = await claw.configs.rollback(name, request, { allowUnchecked: allowUnchecked === true, signal });
    if (output) {
      return out.item(version, versionView, output);
    }
    return out.line(
      selector === undefined
        ? `config/${name} says in version ${version.version} what it said in version ${to}; values of the levels stay as they are`
        : `instances with ${selector} are held to version ${to} of config/${name}`,
    );
  },
});

export const configsPromote = defineCommand({
  path: "configs promote",
  group: "Resources",
  summary: "Let a held version of a config template reach every instance that is held to none",
  examples: ["claw configs promote base --to 13 --preview", "claw configs promote base --to 13"],
  syntax: (command) =>
    command
      .argument("<config>", "its name")
      .addOption(toOption.makeOptionMandatory())
      .addOption(previewOption)
      .addOption(allowUncheckedOption)
      .addOption(writeOutputOption),
  async run(context, { to, preview, allowUnchecked, output }, name) {
    const { claw, out, signal } = context;
    if (preview) {
      return showPlan(context, await claw.configs.promote(name, { to }, { preview: true, signal }), output);
    }
    const version = await claw.configs.promote(name, { to }, { allowUnchecked: allowUnchecked === true, signal });
    return output ? out.item(version, versionView, output) : out.line(`config/${name} has version ${version.version} for everybody`);
  },
});

export const configsSchema = defineCommand({
  path: "configs schema",
  group: "Resources",
  summary: "Print the JSON Schema of values for a config template's variables",
  examples: ["claw configs schema base"],
  syntax: (command) => command.argument("<config>", "its name"),
  run: async ({ claw, out, signal }, _options, name) => out.line(JSON.stringify(await claw.configs.schema(name, { signal }), null, 2)),
});

const issueView: Pick<View<Issue>, "columns"> = {
  columns: [
    { header: "KEY", value: (issue) => issue.path || "-" },
    { header: "PROBLEM", value: (issue) => issue.message },
    { header: "FIX", value: (issue) => issue.fix ?? "-" },
  ],
};

export const configsValidate = defineCommand({
  path: "configs validate",
  group: "Resources",
  summary: "Check a config template's draft, with values for its variables",
  details: "Exits with 1 when it is not valid.",
  examples: ["claw configs validate base", "claw configs validate base --set model.apiKey=sk-test --secret-ref search.key=brave"],
  syntax: (command) =>
    command
      .argument("<config>", "its name")
      .addOption(new Option("--set <key=value>", "a variable's value; JSON values are taken as such; repeatable").argParser(parsePair))
      .addOption(secretRefOption)
      .addOption(outputOption),
  async run({ claw, out, signal }, { set = {}, secretRef = {}, output }, name) {
    const given = Object.entries(set).map(([key, value]) => [key, parseValue(value) as Value] as const);
    const values = Object.fromEntries([...given, ...refsOf(secretRef).map(({ key, value }) => [key, value] as const)]);
    const result = await claw.configs.validate(name, { values }, { signal });
    if (output === "json" || output === "yaml") {
      await out.item(result, { columns: [], name: () => name }, output);
    } else if (result.issues.length > 0) {
      await out.table(result.issues, issueView);
    }
    if (!result.valid) {
      throw new CliError(`config/${name} is not valid`, { why: `${result.issues.length} problems` });
    }
    if (output === "table" || output === "wide") {
      await out.line(`config/${name} is valid`);
    }
  },
});

type Value = NonNullable<ConfigTemplateInput["spec"]["variables"][number]["default"]>;

export const configsDelete = defineCommand({
  path: "configs delete",
  group: "Resources",
  summary: "Delete a config template that no instance uses",
  examples: ["claw configs delete base", "claw configs delete base --yes"],
  syntax: (command) => command.argument("<config>", "its name").addOption(previewOption).addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: configKind, name }], options),
});
