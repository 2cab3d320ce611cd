import { describe } from "vitest";
import { refusePods } from "../../../support/kubernetes/in-force.ts";
import { changedBy, Kind, kubernetesSuite, upUntilTold } from "../../../support/kubernetes/stack.ts";
import { aDeployment, aStatefulSet, podSpec, podTemplate, waitingFor } from "../../../support/kubernetes/workloads.ts";

const seconds = (create: number) => ({ customTimeouts: { create: `${create}s`, update: `${create}s`, delete: `${create}s` } });

describe("waiting for a resource", () => {
  const onCluster = kubernetesSuite();

  onCluster("ends when its pods are ready", async ({ stack, program, expect }) => {
    const all = program((options) => {
      new Kind("kubernetes:apps/v1:Deployment", "web", aDeployment({ replicas: 3 }), options);
      new Kind("kubernetes:apps/v1:StatefulSet", "db", aStatefulSet({ replicas: 2 }), options);
      new Kind("kubernetes:core/v1:Pod", "pod", { metadata: { name: "pod" }, spec: podSpec() }, options);
      new Kind(
        "kubernetes:core/v1:Service",
        "service",
        { metadata: { name: "web" }, spec: { selector: { app: "web" }, ports: [{ port: 80 }] } },
        options,
      );
      new Kind(
        "kubernetes:batch/v1:Job",
        "job",
        { metadata: { name: "job" }, spec: { template: { spec: { restartPolicy: "Never", ...podSpec() } } } },
        options,
      );
    });
    const made = await stack.up(all);
    expect(made.ok, made.message).toBe(true);
    const outputs = async (name: string) => (await stack.resource(name))?.outputs as { status: Record<string, unknown> };
    expect((await outputs("web")).status).toMatchObject({ availableReplicas: 3 });
    expect((await outputs("db")).status).toMatchObject({ readyReplicas: 2 });
    expect((await outputs("pod")).status).toMatchObject({ phase: "Running" });
    expect((await outputs("job")).status).toMatchObject({ succeeded: 1 });
  });

  const stuck = [
    ["ImagePullBackOff", "kubernetes:apps/v1:Deployment", aDeployment({ template: podTemplate({}, waitingFor("ImagePullBackOff")) })],
    ["CrashLoopBackOff", "kubernetes:apps/v1:StatefulSet", aStatefulSet({ template: podTemplate({}, waitingFor("CrashLoopBackOff")) })],
    ["Unschedulable", "kubernetes:core/v1:Pod", { metadata: { name: "pod" }, spec: { ...podSpec(), nodeSelector: { nowhere: "at-all" } } }],
  ] as const;
  for (const [reason, type, object] of stuck) {
    onCluster(`says ${reason} when time is up, keeps what was made, and goes on from there`, async ({ stack, program, expect }) => {
      const declare = (annotations = {}) =>
        program(
          (options) => new Kind(type, "it", { ...object, metadata: { ...object.metadata, annotations } }, { ...options, ...seconds(3) }),
        );
      const [failed] = await upUntilTold(() => stack.up(declare()), new RegExp(reason));
      expect(failed.ok).toBe(false);
      expect(failed.message).toMatch(/fully initialize or become live: timed out after 3 seconds/);
      expect(failed.message).toContain(reason);
      expect((await stack.resource("it"))?.initErrors?.join("\n")).toContain(reason);
      // The same again: it is still not ready, so it is tried again rather than called unchanged.
      expect(changedBy(await stack.preview(declare()))).toEqual(["update it"]);
      const skipped = await stack.up(declare({ "pulumi.com/skipAwait": "true" }));
      expect(skipped.ok, skipped.message).toBe(true);
      expect((await stack.resource("it"))?.initErrors ?? []).toEqual([]);
    });
  }

  onCluster("shows the cluster's warnings meanwhile: a quota that is used up", async ({ stack, program, cluster, namespace, expect }) => {
    await refusePods(cluster.api, namespace);
    const db = program((options) => new Kind("kubernetes:apps/v1:StatefulSet", "db", aStatefulSet(), { ...options, ...seconds(4) }));
    const reason = /FailedCreate.*exceeded quota: none/;
    const outcomes = await upUntilTold(() => stack.up(db), reason);
    expect(outcomes[0].message).toMatch(reason);
    const events = outcomes.flatMap((outcome) => outcome.events);
    const shown = events.flatMap(({ diagnosticEvent }) => (diagnosticEvent?.ephemeral ? [diagnosticEvent.message] : [])).join("\n");
    expect(shown).toMatch(/0 of 1 replicas/);
    expect(shown).toMatch(reason);
  });

  onCluster("fails at once when it never can be: a failed job", async ({ stack, program, expect }) => {
    const spec = { backoffLimit: 0, activeDeadlineSeconds: 1, template: { ...podTemplate({}, waitingFor("ImagePullBackOff")) } };
    const template = { ...spec.template, spec: { restartPolicy: "Never", ...podSpec() } };
    const job = { metadata: { name: "job" }, spec: { ...spec, template } };
    const failed = await stack.up(program((options) => new Kind("kubernetes:batch/v1:Job", "job", job, options)));
    expect(failed.message).toMatch(/the job failed: DeadlineExceeded/);
  });

  onCluster("follows the pulumi.com/waitFor annotation", async ({ stack, program, cluster, namespace, expect }) => {
    const settings = (expression: string, value: string) => {
      const metadata = { name: "settings", annotations: { "pulumi.com/waitFor": expression } };
      return program(
        (options) => new Kind("kubernetes:core/v1:ConfigMap", "it", { metadata, data: { value } }, { ...options, ...seconds(60) }),
      );
    };
    const path = `/api/v1/namespaces/${namespace}/configmaps/settings`;
    const up = stack.up(settings("jsonpath={.data.reply}=yes", "1"));
    const reply = async () => {
      while (!(await cluster.api.get(path))) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await cluster.api.merge(path, { data: { reply: "yes" } });
    };
    const [outcome] = await Promise.all([up, reply()]);
    expect(outcome.ok, outcome.message).toBe(true);
  });

  onCluster("for its deletion tells what keeps it", async ({ stack, program, cluster, namespace, expect }) => {
    const metadata = { name: "held", finalizers: ["example.com/hold"] };
    const held = program((options) => new Kind("kubernetes:core/v1:ConfigMap", "held", { metadata }, { ...options, ...seconds(2) }));
    await stack.up(held);
    const failed = await stack.destroy();
    expect(failed.message).toMatch(/not gone after 2 seconds: its finalizers are still there: example\.com\/hold/);
    await cluster.api.merge(`/api/v1/namespaces/${namespace}/configmaps/held`, { metadata: { finalizers: null } });
    expect((await stack.destroy()).ok).toBe(true);
  });
});
