import { defineCommand } from "../command.ts";
import { usageError } from "../failure.ts";
import { readManifests } from "../manifests.ts";
import { filesOption, previewOption, timeoutOption, waitOption, yesOption } from "../options.ts";
import { type RemovedResource, remove } from "../removal.ts";
import { kindOf, parseReferences } from "../resources.ts";
import { purgeDataOption } from "./destroy.ts";

export const deleteCommand = defineCommand({
  path: "delete",
  group: "Manifests",
  summary: "Delete resources, by manifest or by name",
  details:
    "Shows what goes and asks. What others need is deleted after them. Data of instances is kept unless --purge-data says otherwise.",
  examples: ["claw delete -f fleet.yaml", "claw delete instance/web config/base", "claw delete config base --yes"],
  syntax: (command) =>
    command
      .argument("[resource...]", "<kind> <name> or <kind>/<name>")
      .addOption(filesOption)
      .addOption(purgeDataOption)
      .addOption(previewOption)
      .addOption(yesOption)
      .addOption(waitOption)
      .addOption(timeoutOption),
  async run(context, { filename = [], wait, timeout, ...options }, words) {
    if (filename.length > 0 === words.length > 0) {
      throw usageError("name resources or give manifests, but not both", "claw delete <kind>/<name>, or claw delete -f <path>");
    }
    const targets: RemovedResource[] = [];
    if (filename.length > 0) {
      for (const { manifest } of (await readManifests(context.io, filename)).toReversed()) {
        const { name, namespace } = manifest.metadata;
        const kind = kindOf(manifest.kind);
        targets.push({ kind, name, tenant: kind.scope === "tenant" ? namespace : undefined });
      }
    }
    for (const { kind, name } of parseReferences(words)) {
      if (name === undefined) {
        throw usageError(`'${kind.word}' alone names no resource`, `claw delete ${kind.word}/<name>`);
      }
      targets.push({ kind, name });
    }
    await remove(context, targets, { ...options, ...(wait ? { waitMs: timeout } : {}) });
  },
});
