import { describe, it } from "vitest";
import type { ApiError } from "../../../../sdk/client/index.ts";
import { anApplication } from "../../../support/application.ts";
import { anEcho, aTemplate, aTenant } from "../../../support/builders/manifests.ts";

const app = await anApplication();
await app.admin().tenants.create(aTenant("acme", { quota: { instances: 20, cpu: "8" } }));
const claw = app.as({ tenant: "acme" });
await claw.instances.create(anEcho("taken"));
await claw.configs.create(aTemplate("draft"));
await claw.configs.create(
  aTemplate("strict", {
    adapter: "OpenClawAdapter",
    variables: [{ name: "model.name", type: "string", required: true, description: "Who answers" }],
  }),
);
await claw.configs.publish("strict");

const refusal = async (manifest: unknown): Promise<ApiError> =>
  claw.instances.create(manifest as never).then(
    () => Promise.reject(new Error("it was accepted")),
    (error: unknown) => error as ApiError,
  );

describe("a write that can't be made", () => {
  it.for([
    {
      name: "an unknown key",
      manifest: { ...anEcho("x"), spec: { type: "Echo", replica: 1 } },
      status: 422,
      path: "spec.replica",
      says: /did you mean 'replicas'\?/,
    },
    {
      name: "a wrong type",
      manifest: { ...anEcho("x"), spec: { type: "Echo", replicas: "two" } },
      status: 422,
      path: "spec.replicas",
      says: /number/,
    },
    {
      name: "an unknown claw type",
      manifest: anEcho("x", { type: "OpenClav" }),
      status: 422,
      path: "spec.type",
      says: /did you mean 'OpenClaw'\?/,
    },
    { name: "a bad name", manifest: { ...anEcho("x"), metadata: { name: "X_y" } }, status: 422, path: "metadata.name", says: /lower-case/ },
    { name: "a duplicate name", manifest: anEcho("taken"), status: 409, path: "metadata.name", says: /'taken'/ },
    {
      name: "more than the quota",
      manifest: anEcho("x", { resources: { cpu: "64" } }),
      status: 403,
      path: "quota.cpu",
      says: /would use 64\.1 of 8 cpu.*ask a platform administrator/,
    },
    {
      name: "an unknown template",
      manifest: anEcho("x", { config: { template: "nope" } }),
      status: 422,
      path: "spec.config.template",
      says: /nope/,
    },
    {
      name: "a template without a published version",
      manifest: anEcho("x", { config: { template: "draft" } }),
      status: 422,
      path: "spec.config.template",
      says: /publish/,
    },
    {
      name: "a missing required variable",
      manifest: anEcho("x", { type: "OpenClaw", config: { template: "strict" } }),
      status: 422,
      path: "model.name",
      says: /no value/,
    },
    {
      name: "a project that does not exist",
      manifest: anEcho("x", {}, { project: "nope" }),
      status: 422,
      path: "metadata.project",
      says: /nope/,
    },
  ])("is refused with its field, reason and fix: $name", async ({ manifest, status, path, says }, { expect }) => {
    const error = await refusal(manifest);
    expect(error).toMatchObject({ status });
    const told = JSON.stringify([error.message, error.issues]);
    expect(told).toMatch(says);
    if (path !== undefined) {
      expect(error.issues.map((issue) => issue.path)).toContain(path);
      expect(error.issues.every((issue) => issue.message !== "")).toBe(true);
    }
    const { items } = await claw.instances.list();
    expect(items.map(({ metadata }) => metadata.name)).not.toContain("x");
  });
});
