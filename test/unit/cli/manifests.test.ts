import { describe, it } from "vitest";
import { locateIssue, parseManifests } from "../../../sdk/cli/manifests.ts";

const manifest = (kind: string, name: string) => `apiVersion: clusterclaw.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: {}\n`;

describe("parseManifests", () => {
  it("reads every document of a stream and skips empty ones", async ({ expect }) => {
    const text = `# head\n---\n${manifest("Tenant", "a")}---\n---\n${manifest("ClawInstance", "b")}`;
    const found = await parseManifests(text, "x.yaml");
    expect(found.map(({ manifest: m, source }) => [m.kind, m.metadata.name, source])).toEqual([
      ["Tenant", "a", "x.yaml, document 1"],
      ["ClawInstance", "b", "x.yaml, document 3"],
    ]);
  });

  it("reads JSON, and takes lists apart as 'get -o json' prints them", async ({ expect }) => {
    const one = { apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "p" }, spec: {} };
    expect(await parseManifests(JSON.stringify(one), "p.json")).toHaveLength(1);
    expect(await parseManifests(JSON.stringify({ items: [one, one] }), "-")).toHaveLength(2);
  });

  it.for([
    { name: "broken YAML", text: "a: [1", error: /x\.yaml is not YAML/ },
    { name: "a scalar", text: "hello", error: /x\.yaml is not a manifest, but 'hello'/ },
    { name: "another apiVersion", text: "apiVersion: v1\nkind: Pod", error: /apiVersion 'v1'/ },
    { name: "an unknown kind", text: "apiVersion: clusterclaw.io/v1\nkind: Pod", error: /kind 'Pod'/ },
    { name: "no name", text: "apiVersion: clusterclaw.io/v1\nkind: Tenant\nmetadata: {}", error: /no name/ },
  ])("refuses $name, naming the source", async ({ text, error }, { expect }) => {
    await expect(parseManifests(text, "x.yaml")).rejects.toThrow(error);
  });
});

describe("locateIssue", () => {
  it("names the file and the manifest of what is wrong", async ({ expect }) => {
    const manifests = await parseManifests(manifest("Tenant", "a"), "x.yaml");
    expect(locateIssue("manifests[0].spec.quota.cpu", manifests)).toBe("x.yaml: Tenant/a: spec.quota.cpu");
    expect(locateIssue("manifests[0]", manifests)).toBe("x.yaml: Tenant/a");
    expect(locateIssue("spec.type", manifests)).toBe("spec.type");
  });
});
