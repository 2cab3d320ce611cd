import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import type { QuotaStatus } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { tenantKind } from "../kinds/tenant.ts";
import { defineGet, defineList } from "../nouns.ts";
import { outputOption, parsePair, previewOption, writeOutputOption, yesOption } from "../options.ts";
import type { View } from "../output/printer.ts";
import { showPlan } from "../preview.ts";
import { remove } from "../removal.ts";

export const tenantsList = defineList("tenants", tenantKind);
export const tenantsGet = defineGet("tenants", tenantKind);

const quotaOptions = {
  instances: new Option("--instances <count>", "how many instances").argParser(Number),
  cpu: new Option("--cpu <quantity>", "cores of all instances together"),
  memory: new Option("--memory <quantity>", "memory of all instances together: '40Gi'"),
  storage: new Option("--storage <quantity>", "storage of all instances together: '100Gi'"),
};

interface QuotaFlags {
  readonly instances?: number;
  readonly cpu?: string;
  readonly memory?: string;
  readonly storage?: string;
}

export const tenantsCreate = defineCommand({
  path: "tenants create",
  group: "Resources",
  summary: "Create a tenant",
  details: "Policies and administrators are written in a manifest: 'claw apply -f tenant.yaml'.",
  examples: ["claw tenants create acme", "claw tenants create acme --instances 10 --cpu 20 --memory 40Gi"],
  syntax: (command) =>
    command
      .argument("<name>", "lower-case letters, digits and '-'")
      .addOption(new Option("--display-name <text>", "its name for people"))
      .addOption(new Option("--label <key=value>", "label it; repeatable").argParser(parsePair))
      .addOption(quotaOptions.instances)
      .addOption(quotaOptions.cpu)
      .addOption(quotaOptions.memory)
      .addOption(quotaOptions.storage)
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(context, { displayName, label, preview, output, ...flags }, name) {
    const { claw, out, signal } = context;
    const manifest: Parameters<Claw["tenants"]["create"]>[0] = {
      apiVersion: "clusterclaw.io/v1",
      kind: "Tenant",
      metadata: { name, ...(label === undefined ? {} : { labels: label }) },
      spec: { ...(displayName === undefined ? {} : { displayName }), quota: quotaOf(flags) },
    };
    if (preview) {
      return showPlan(context, await claw.tenants.create(manifest, { preview: true, signal }), output);
    }
    const tenant = await claw.tenants.create(manifest, { signal });
    return output ? out.item(tenant, tenantKind, output) : out.line(`tenant/${name} created`);
  },
});

export const tenantsDelete = defineCommand({
  path: "tenants delete",
  group: "Resources",
  summary: "Delete a tenant that has no instances",
  examples: ["claw tenants delete acme", "claw tenants delete acme --yes"],
  syntax: (command) => command.argument("<tenant>", "its name").addOption(previewOption).addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: tenantKind, name }], options),
});

export const tenantsQuota = defineCommand({
  path: "tenants quota",
  group: "Resources",
  summary: "Show a tenant's quota and what is used of it, or change it",
  details: "With any of the limits it changes those and keeps the others.",
  examples: ["claw tenants quota acme", "claw tenants quota acme --instances 20 --memory 80Gi"],
  syntax: (command) =>
    command
      .argument("<tenant>", "its name")
      .addOption(quotaOptions.instances)
      .addOption(quotaOptions.cpu)
      .addOption(quotaOptions.memory)
      .addOption(quotaOptions.storage)
      .addOption(previewOption)
      .addOption(outputOption),
  async run(context, { preview, output, ...flags }, name) {
    const { claw, out, signal } = context;
    let quota = await claw.tenants.quota(name, { signal });
    const changes = quotaOf(flags);
    if (Object.keys(changes).length > 0) {
      const documentFormat = output === "json" || output === "yaml" ? output : undefined;
      const hard = { ...quota.hard, ...changes };
      if (preview) {
        return showPlan(context, await claw.tenants.setQuota(name, hard, { preview: true, signal }), documentFormat);
      }
      quota = await claw.tenants.setQuota(name, hard, { signal });
    }
    if (output === "json" || output === "yaml") {
      return out.item(quota, { columns: [], name: () => name }, output);
    }
    const rows = (["instances", "cpu", "memory", "storage"] as const).map((what) => ({
      what,
      used: String(quota.used[what]),
      hard: String(quota.hard[what] ?? "unlimited"),
    }));
    await out.table<QuotaRow>(rows, quotaView);
  },
});

interface QuotaRow {
  readonly what: keyof QuotaStatus["hard"];
  readonly used: string;
  readonly hard: string;
}

const quotaView: Pick<View<QuotaRow>, "columns"> = {
  columns: [
    { header: "WHAT", value: (row) => row.what },
    { header: "USED", value: (row) => row.used },
    { header: "LIMIT", value: (row) => row.hard },
  ],
};

function quotaOf({ instances, cpu, memory, storage }: QuotaFlags) {
  return {
    ...(instances === undefined ? {} : { instances }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(storage === undefined ? {} : { storage }),
  };
}
