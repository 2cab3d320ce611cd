import { randomBytes } from "node:crypto";
import { describe } from "vitest";
import { until } from "../../../support/agent/harness.ts";
import { changedBy, Kind, kubernetesSuite } from "../../../support/kubernetes/stack.ts";

const DEFINITION_TYPE = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition";

/** A kind of its own for each case: definitions belong to the whole cluster. */
function aDefinition(scope = "Namespaced") {
  const kind = `Claw${randomBytes(3).toString("hex")}`;
  const plural = `${kind.toLowerCase()}s`;
  const spec = {
    type: "object",
    required: ["size"],
    properties: {
      size: { type: "integer", maximum: 9 },
      name: {
        type: "string",
        default: "anonymous",
        "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "name is immutable" }],
      },
    },
  };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
  const definition = {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: "example.com",
      scope,
      names: { kind, plural },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
  return { definition, type: `kubernetes:example.com/v1:${kind}`, plural };
}

describe("custom resources", () => {
  const onCluster = kubernetesSuite();

  onCluster("are made beside their definition, checked by its schema, defaulted and replaced by its rules", async (context) => {
    const { stack, program, cluster, namespace, expect } = context;
    const { definition, type, plural } = aDefinition();
    // In the foreground, the garbage collector takes half a minute to know of a new kind.
    const metadata = { name: "claw", annotations: { "pulumi.com/deletionPropagationPolicy": "background" } };
    const claw = (spec: object) =>
      program((options) => {
        new Kind(DEFINITION_TYPE, "definition", definition, options);
        new Kind(type, "claw", { metadata, spec }, options);
      });
    // Before the definition is there, nothing is known of the kind.
    const preview = await stack.preview(claw({ size: 3 }));
    expect(preview.ok, preview.message).toBe(true);
    const made = await stack.up(claw({ size: 3 }));
    expect(made.ok, made.message).toBe(true);
    const path = `/apis/example.com/v1/namespaces/${namespace}/${plural}/claw`;
    expect((await cluster.api.get(path)).spec).toEqual({ size: 3, name: "anonymous" });
    expect(changedBy(await stack.up(claw({ size: 3 })))).toEqual([]);
    expect(changedBy(await stack.preview(claw({ size: 3, name: "anonymous" })))).toEqual([]);

    // A new kind's schema is published a moment after the kind, and looked for once a second: until then its refusals are the server's.
    let refused = await stack.preview(claw({ size: "big", colour: "red" }));
    await until(async () => {
      refused = await stack.preview(claw({ size: "big", colour: "red" }));
      return refused.diagnostics.length > 1;
    }, "its schema is known");
    expect(refused.diagnostics.join("\n")).toMatch(/spec\.size .* must be an integer, not "big"/);
    expect(refused.diagnostics.join("\n")).toMatch(/spec\.colour .* unknown field/);
    expect((await stack.preview(claw({ size: 10 }))).message).toMatch(/spec\.size: Invalid value: 10/);

    expect(changedBy(await stack.up(claw({ size: 4 })))).toEqual(["update claw"]);
    expect(changedBy(await stack.up(claw({ size: 4, name: "other" })))).toEqual([
      "delete-replaced claw",
      "replace claw",
      "create-replacement claw",
    ]);
    expect((await stack.destroy()).ok).toBe(true);
    expect(await cluster.api.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.example.com`)).toBeUndefined();
  });

  onCluster("may belong to the whole cluster, which only their definition tells", async ({ stack, program, cluster, expect }) => {
    const { definition, type, plural } = aDefinition("Cluster");
    const metadata = { name: "claw", annotations: { "pulumi.com/deletionPropagationPolicy": "background" } };
    const claw = program((options) => {
      new Kind(DEFINITION_TYPE, "definition", definition, options);
      new Kind(type, "claw", { metadata, spec: { size: 3 } }, options);
    });
    const made = await stack.up(claw);
    expect(made.ok, made.message).toBe(true);
    expect(await cluster.api.get(`/apis/example.com/v1/${plural}/claw`)).toBeDefined();
    expect((await stack.resource("claw"))?.id).toBe("claw");
    expect(changedBy(await stack.up(claw))).toEqual([]);
    expect((await stack.destroy()).ok).toBe(true);
  });

  onCluster("are gone when their definition is", async ({ stack, program, cluster, expect }) => {
    const { definition, type, plural } = aDefinition();
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await cluster.api.create(path, { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", ...definition });
    const claw = program((options) => new Kind(type, "claw", { metadata: { name: "claw" }, spec: { size: 1 } }, options));
    const made = await stack.up(claw);
    expect(made.ok, made.message).toBe(true);
    await cluster.api.delete(`${path}/${plural}.example.com`);
    while (await cluster.api.get(`${path}/${plural}.example.com`)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await stack.refresh()).changes).toMatchObject({ delete: 1 });
  });
});
