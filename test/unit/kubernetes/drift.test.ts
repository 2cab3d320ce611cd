import { describe, it } from "vitest";
import type { PropertyMap } from "../../../adapters/engine/contract/values.ts";
import { deviationOf } from "../../../adapters/kubernetes/drift.ts";

const managed = (manager: string, operation: string, fields: PropertyMap) => ({
  manager,
  operation,
  time: "2026-11-29T21:00:00Z",
  fieldsType: "FieldsV1",
  fieldsV1: fields,
});

describe("a change of a property whose name has dots", () => {
  it("is told with who made it", ({ expect }) => {
    const declared = { kind: "Service", metadata: { name: "web", labels: { "clusterclaw.io/project": "default", plain: "a" } } };
    const labels = { "clusterclaw.io/project": "other", plain: "a" };
    const ours = managed("pulumi-kubernetes-1", "Apply", { "f:metadata": { "f:labels": { "f:plain": {} } } });
    const theirs = managed("kubectl-label", "Update", { "f:metadata": { "f:labels": { "f:clusterclaw.io/project": {} } } });
    const live = { kind: "Service", metadata: { name: "web", labels, managedFields: [ours, theirs] } };
    expect(deviationOf(declared, live)).toMatchObject({
      op: "changed",
      manager: "kubectl-label",
      diffs: [{ path: 'metadata.labels["clusterclaw.io/project"]', before: '"default"', after: '"other"' }],
    });
  });
});
