import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import type { ClawInstanceInput } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import { instanceKind } from "../kinds/instance.ts";
import {
  allowUncheckedOption,
  parseCount,
  parsePair,
  parseValue,
  previewOption,
  refsOf,
  secretRefOption,
  timeoutOption,
  waitOption,
  writeOutputOption,
} from "../options.ts";
import { showPlan } from "../preview.ts";
import { waitFor } from "../wait.ts";

type Json = ClawInstanceInput["spec"]["config"]["overrides"][number]["value"];

export const createCommand = defineCommand({
  path: "create",
  group: "Instances",
  summary: "Create an instance",
  details: "What is not said takes the service's defaults. 'claw types' lists the types.",
  examples: [
    "claw create web --type OpenClaw --wait",
    "claw create web --type OpenClaw --config base --set model.name=claude-haiku --preview",
    "claw create bot --type Echo --label team=red --no-start",
    "claw create bot --type Echo --cluster-label region=eu",
  ],
  syntax: (command) =>
    command
      .argument("<name>", "lower-case letters, digits and '-'")
      .addOption(new Option("--type <type>", "the claw's type").makeOptionMandatory())
      .addOption(new Option("--claw-version <version>", "exact version of the claw's software"))
      .addOption(new Option("--project <name>", "the project it belongs to"))
      .addOption(new Option("--config <template>", "the config template it uses"))
      .addOption(new Option("--set <key=value>", "override a variable; JSON values are taken as such; repeatable").argParser(parsePair))
      .addOption(secretRefOption)
      .addOption(new Option("--label <key=value>", "label it; repeatable").argParser(parsePair))
      .addOption(new Option("--replicas <count>", "how many").argParser(parseCount(0, 1000)))
      .addOption(new Option("--cpu <quantity>", "'500m', '2'"))
      .addOption(new Option("--memory <quantity>", "'2Gi'"))
      .addOption(new Option("--storage <quantity>", "size of its storage: '10Gi'"))
      .addOption(new Option("--port <port>", "the port it listens on").argParser(parseCount(1, 65_535)))
      .addOption(new Option("--cluster <name>", "the cluster that it runs on"))
      .addOption(new Option("--cluster-label <key=value>", "any cluster with this label; repeatable").argParser(parsePair))
      .addOption(new Option("--no-start", "create it stopped"))
      .addOption(previewOption)
      .addOption(allowUncheckedOption)
      .addOption(waitOption)
      .addOption(timeoutOption)
      .addOption(writeOutputOption),
  async run(context, options, name) {
    const { claw, out, signal } = context;
    const manifest = manifestOf(name, options);
    if (options.preview) {
      return showPlan(context, await claw.instances.create(manifest, { preview: true, signal }));
    }
    const instance = await claw.instances.create(manifest, { allowUnchecked: options.allowUnchecked === true, signal });
    if (options.wait) {
      await waitFor(context, [{ name }], options.timeout);
    }
    if (options.output) {
      return out.item(options.wait ? await claw.instances.get(name, { signal }) : instance, instanceKind, options.output);
    }
    await out.line(`instance/${name} ${options.wait ? "created" : "is being created"}`);
  },
});

interface CreateOptions {
  readonly type: string;
  readonly clawVersion?: string;
  readonly project?: string;
  readonly config?: string;
  readonly set?: Record<string, string>;
  readonly secretRef?: Record<string, string>;
  readonly label?: Record<string, string>;
  readonly replicas?: number;
  readonly cpu?: string;
  readonly memory?: string;
  readonly storage?: string;
  readonly port?: number;
  readonly cluster?: string;
  readonly clusterLabel?: Record<string, string>;
  readonly start: boolean;
}

type InstanceInput = Parameters<Claw["instances"]["create"]>[0];

/** Says only what the user said: what is absent is the service's to default. */
function manifestOf(name: string, options: CreateOptions): InstanceInput {
  const {
    type,
    clawVersion,
    project,
    config,
    set = {},
    secretRef = {},
    label,
    replicas,
    cpu,
    memory,
    storage,
    port,
    cluster,
    clusterLabel,
    start,
  } = options;
  const overrides = [...Object.entries(set).map(([key, value]) => ({ key, value: parseValue(value) as Json })), ...refsOf(secretRef)];
  return {
    apiVersion: "clusterclaw.io/v1",
    kind: "ClawInstance",
    metadata: { name, ...(project === undefined ? {} : { project }), ...(label === undefined ? {} : { labels: label }) },
    spec: {
      type,
      ...(clawVersion === undefined ? {} : { version: clawVersion }),
      ...(replicas === undefined ? {} : { replicas }),
      ...(start ? {} : { running: false }),
      ...(cpu === undefined && memory === undefined
        ? {}
        : { resources: { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) } }),
      ...(config === undefined && overrides.length === 0
        ? {}
        : { config: { ...(config === undefined ? {} : { template: config }), overrides } }),
      ...(storage === undefined ? {} : { storage: { size: storage } }),
      ...(port === undefined ? {} : { network: { port } }),
      ...(cluster === undefined && clusterLabel === undefined
        ? {}
        : {
            placement: {
              ...(cluster === undefined ? {} : { cluster }),
              ...(clusterLabel === undefined ? {} : { selector: clusterLabel }),
            },
          }),
    },
  };
}
