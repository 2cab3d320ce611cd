import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as k8s from "@pulumi/kubernetes/provider.js";
import { LocalWorkspace, type ProjectSettings } from "@pulumi/pulumi/automation/index.js";
import { describe, it, onTestFinished } from "vitest";
import { hasCli } from "../../../support/engine/pulumi-cli.ts";
import { Kind } from "../../../support/kubernetes/stack.ts";
import { useCluster } from "../../../support/kubernetes/use-cluster.ts";

const pluginDir = resolve(import.meta.dirname, "../../../../adapters/providers/kubernetes/plugin");

describe("the Kubernetes provider as a plugin", () => {
  const { cluster, aNamespace } = useCluster();

  it("is started by the Pulumi CLI from the folder that Pulumi.yaml names, and tells its user things", async ({ expect, skip }) => {
    skip(!hasCli, "the real pulumi CLI is not on PATH");
    const folder = mkdtempSync(join(tmpdir(), "claw-plugin-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const namespace = await aNamespace();
    const { kubeconfig, api } = cluster();
    const plugins = { providers: [{ name: "kubernetes", path: pluginDir }] };
    const stack = await LocalWorkspace.createStack(
      {
        stackName: "s",
        projectName: "p",
        program: async () => {
          const provider = new k8s.Provider("cluster", { kubeconfig, namespace });
          new Kind("kubernetes:core/v1:ConfigMap", "theirs", { metadata: { name: "theirs" } }, { provider });
        },
      },
      {
        projectSettings: { name: "p", runtime: "nodejs", plugins } as ProjectSettings,
        envVars: {
          CLAW_NODE: process.execPath,
          PULUMI_BACKEND_URL: `file://${folder}`,
          PULUMI_HOME: join(folder, "home"),
          PULUMI_CONFIG_PASSPHRASE: "correct horse",
          PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
        },
      },
    );
    onTestFinished(() => rmSync(stack.workspace.workDir, { recursive: true, force: true }));
    await api.create(`/api/v1/namespaces/${namespace}/configmaps`, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "theirs" } });
    expect((await stack.preview()).stdout).toContain(`ConfigMap ${namespace}/theirs exists in the cluster`);
    await api.delete(`/api/v1/namespaces/${namespace}/configmaps/theirs`);
    expect((await stack.up()).summary.resourceChanges).toEqual({ create: 3 });
    expect(await api.get(`/api/v1/namespaces/${namespace}/configmaps/theirs`)).toBeDefined();
    expect((await stack.destroy()).summary.resourceChanges).toEqual({ delete: 3 });
  });
});
