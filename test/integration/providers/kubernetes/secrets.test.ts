import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { changedBy, Kind, kubernetesSuite } from "../../../support/kubernetes/stack.ts";

type Properties = Record<string, unknown>;

const SIG = "4dabf18193072939515e22adb298388d";

describe("secrets in a cluster", () => {
  const onCluster = kubernetesSuite();

  onCluster("are masked in state, events and diffs, whether the program called them secret or not", async (context) => {
    const { stack, program, cluster, namespace, expect } = context;
    const token = (value: string) =>
      program(
        (options) => {
          new Secret("token", { metadata: { name: "token" }, stringData: { token: value } }, options);
          const data = { password: pulumi.secret(value) };
          new Kind("kubernetes:core/v1:ConfigMap", "settings", { metadata: { name: "settings" }, data }, options);
        },
        { enableSecretMutable: true, enableConfigMapMutable: true },
      );
    const outcomes = [await stack.up(token("t0ken-one")), await stack.up(token("t0ken-two"))];
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
    const base64 = Buffer.from("t0ken-two").toString("base64");
    expect((await cluster.api.get(`/api/v1/namespaces/${namespace}/secrets/token`)).data).toEqual({ token: base64 });

    const { inputs, outputs } = (await stack.resource("token")) as { inputs: Properties; outputs: Properties };
    const sent = outputs["__inputs"] as Properties;
    const settings = (await stack.resource("settings"))?.outputs as { data: Properties };
    for (const secret of [inputs["stringData"], outputs["data"], sent["stringData"], settings.data["password"]]) {
      expect(secret).toHaveProperty(SIG);
    }
    for (const { message, events } of [...outcomes, await stack.preview(token("t0ken-three"))]) {
      // With the CLI, Pulumi's SDK itself writes all it is answered into its debug messages.
      const shown = events.filter(({ diagnosticEvent }) => (diagnosticEvent?.severity as string | undefined) !== "debug");
      expect(message + JSON.stringify(shown)).not.toMatch(/t0ken|dDBrZW4/);
    }
  });

  onCluster("of which nothing changed are left alone, after a refresh too", async ({ stack, program, expect }) => {
    const token = program((options) => new Secret("token", { metadata: { name: "token" }, stringData: { token: "t0ken" } }, options));
    await stack.up(token);
    await stack.refresh();
    expect(changedBy(await stack.up(token))).toEqual([]);
  });

  for (const form of ["data", "stringData"]) {
    onCluster(`that someone changed are found and put right: ${form}`, async ({ stack, program, cluster, namespace, expect }) => {
      const path = `/api/v1/namespaces/${namespace}/secrets/token`;
      const data = { token: Buffer.from("t0ken").toString("base64") };
      const declared = form === "data" ? { data } : { stringData: { token: "t0ken" } };
      const settings = { enableSecretMutable: true, enablePatchForce: true };
      const token = program((options) => new Secret("token", { metadata: { name: "token" }, ...declared }, options), settings);
      await stack.up(token);
      await cluster.api.merge(path, { data: { token: Buffer.from("stolen").toString("base64") } });
      expect((await stack.refresh()).changes).toMatchObject({ update: 1 });
      expect(changedBy(await stack.up(token))).toEqual(["update token"]);
      expect((await cluster.api.get(path)).data).toEqual(data);
    });
  }
});
