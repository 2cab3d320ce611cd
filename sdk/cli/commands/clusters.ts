import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { Option } from "@commander-js/extra-typings";
import type { Claw } from "../../client/index.ts";
import { defineCommand } from "../command.ts";
import { CliError, ExitCode, usageError } from "../failure.ts";
import type { Io } from "../io.ts";
import { clusterKind } from "../kinds/cluster.ts";
import { defineGet, defineList } from "../nouns.ts";
import { documentOutputOption, parsePair, previewOption, writeOutputOption, yesOption } from "../options.ts";
import { toYaml } from "../output/printer.ts";
import { showPlan } from "../preview.ts";
import { remove } from "../removal.ts";

export const clustersList = defineList("clusters", clusterKind);
export const clustersGet = defineGet("clusters", clusterKind);

export const clustersCreate = defineCommand({
  path: "clusters create",
  group: "Resources",
  summary: "Register a Kubernetes cluster",
  details:
    "Files that the kubeconfig names are put into it. The control plane keeps it encrypted and never shows it again. Taints, capacity, network settings and ingress are written in a manifest: 'claw apply -f cluster.yaml'.",
  examples: [
    "claw clusters create eu-1 --kubeconfig ~/.kube/config --context eu-1 --agent-url wss://claw.example.com/agent/v1 --agent-image registry.example.com/claw-agent@sha256:… --claw-image 'OpenClaw=registry.example.com/openclaw:${version}'",
    "claw clusters create here --in-cluster --agent-url ws://claw.claw-system:8787/agent/v1 --agent-image claw-agent:1",
  ],
  syntax: (command) =>
    command
      .argument("<name>", "lower-case letters, digits and '-'")
      .addOption(new Option("--kubeconfig <file>", "how the control plane gets in; '-' for stdin"))
      .addOption(new Option("--context <name>", "the kubeconfig's context to use"))
      .addOption(new Option("--in-cluster", "the service account of the control plane's own pod"))
      .addOption(new Option("--agent-url <url>", "where pods reach the control plane").makeOptionMandatory())
      .addOption(new Option("--agent-image <image>", "the agent's image").makeOptionMandatory())
      .addOption(new Option("--claw-image <type=image>", "a claw type's image; repeatable").argParser(parsePair))
      .addOption(new Option("--storage-class <name>", "of the instances' volumes"))
      .addOption(new Option("--label <key=value>", "label it; repeatable").argParser(parsePair))
      .addOption(previewOption)
      .addOption(writeOutputOption),
  async run(cli, { kubeconfig, context, inCluster, label, preview, output, ...flags }, name) {
    const { claw, io, out, signal } = cli;
    if ((kubeconfig === undefined) === (inCluster === undefined)) {
      throw usageError("say how the control plane gets in", "give --kubeconfig <file> or --in-cluster");
    }
    const manifest: Parameters<Claw["clusters"]["create"]>[0] = {
      apiVersion: "clusterclaw.io/v1",
      kind: "Cluster",
      metadata: { name, ...(label === undefined ? {} : { labels: label }) },
      spec: {
        credentials:
          kubeconfig === undefined
            ? { source: "inCluster" }
            : { source: "kubeconfig", kubeconfig: await readKubeconfig(io, kubeconfig), ...(context === undefined ? {} : { context }) },
        agentUrl: flags.agentUrl,
        images: { agent: flags.agentImage, ...(flags.clawImage === undefined ? {} : { claws: flags.clawImage }) },
        ...(flags.storageClass === undefined ? {} : { storageClass: flags.storageClass }),
      },
    };
    if (preview) {
      return showPlan(cli, await claw.clusters.create(manifest, { preview: true, signal }), output);
    }
    const cluster = await claw.clusters.create(manifest, { signal });
    return output ? out.item(cluster, clusterKind, output) : out.line(`cluster/${name} created`);
  },
});

export const clustersDelete = defineCommand({
  path: "clusters delete",
  group: "Resources",
  summary: "Unregister a cluster that no instance is on",
  details:
    "With --forget one that can't be reached goes with its instances; those that were moved away from it start where they go to. What they have there is left.",
  examples: ["claw clusters delete eu-1", "claw clusters delete eu-1 --yes", "claw clusters delete eu-1 --forget --preview"],
  syntax: (command) =>
    command
      .argument("<cluster>", "its name")
      .addOption(new Option("--forget", "when it can't be reached: let go of its instances too"))
      .addOption(previewOption)
      .addOption(yesOption),
  run: (context, options, name) => remove(context, [{ kind: clusterKind, name }], options),
});

export const clustersDrain = defineCommand({
  path: "clusters drain",
  group: "Resources",
  summary: "Close a cluster for new instances and move those away that can go",
  details:
    "Data can't be taken along yet: an instance that has any stays, and the answer says why. With --discard-data those with 'deletionPolicy: delete' start anew elsewhere. Exits with 5 while instances stay.",
  examples: ["claw clusters drain eu-1 --dry-run", "claw clusters drain eu-1"],
  syntax: (command) =>
    command
      .argument("<cluster>", "its name")
      .addOption(new Option("--dry-run", "say what it would do, and change nothing"))
      .addOption(new Option("--discard-data", "also move instances whose data is deleted with them"))
      .addOption(documentOutputOption),
  async run(context, { dryRun, discardData, output }, name) {
    const { claw, out, signal } = context;
    const options = { ...(dryRun ? { dryRun } : {}), ...(discardData ? { discardData } : {}), signal };
    const drain = await claw.clusters.drain(name, options);
    const { moved, stays } = drain.summary;
    if (stays > 0) {
      context.exitCode = ExitCode.Conflict;
    }
    if (output) {
      return output === "json" ? out.line(JSON.stringify(drain, null, 2)) : out.write(await toYaml([drain]));
    }
    for (const { tenant, instance, to } of drain.moved) {
      await out.line(`${tenant}/${instance} ${dryRun ? "would move" : "moves"} to ${to}`);
    }
    for (const { tenant, instance, reason } of drain.stays) {
      await out.line(`${tenant}/${instance} stays: ${reason}`);
    }
    const hidden = moved + stays - drain.moved.length - drain.stays.length;
    if (hidden > 0) {
      out.note(`${hidden} more are not listed: in all ${moved} ${dryRun ? "would move" : "move"} and ${stays} stay`);
    }
    out.note(dryRun ? "nothing was changed" : `cluster/${name} takes no new instances`);
  },
});

const FILE_FIELDS = ["certificate-authority", "client-certificate", "client-key"] as const;

/** The text of a kubeconfig with the files that it names put in: the control plane can't read this machine's. */
async function readKubeconfig(io: Io, path: string): Promise<string> {
  const { parse, stringify } = await import("yaml");
  const file = resolve(io.cwd, path);
  const read = (name: string) =>
    readFile(name).catch((cause: NodeJS.ErrnoException) => {
      throw new CliError(`${name} can't be read`, { why: cause.message, exitCode: ExitCode.Usage, cause });
    });
  const text = path === "-" ? await readAll(io.stdin) : (await read(file)).toString("utf8");
  const config: unknown = parse(text);
  if (typeof config !== "object" || config === null || !("clusters" in config)) {
    throw usageError(`${path} is not a kubeconfig`, "it is YAML with clusters, users and contexts");
  }
  const { clusters = [], users = [] } = config as { clusters?: { cluster?: object }[]; users?: { user?: object }[] };
  for (const entry of [...clusters.map(({ cluster }) => cluster), ...users.map(({ user }) => user)]) {
    const fields = (entry ?? {}) as Record<string, unknown>;
    for (const field of FILE_FIELDS) {
      const name = fields[field];
      if (typeof name === "string") {
        fields[`${field}-data`] = (await read(resolve(dirname(file), name))).toString("base64");
        delete fields[field];
      }
    }
  }
  return stringify(config, { lineWidth: 0 });
}
