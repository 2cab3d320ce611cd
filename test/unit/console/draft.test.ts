import { describe, it } from "vitest";
import { ClawInstanceInputSchema, resourceKinds } from "../../../sdk/contract/index.ts";
import { type Draft, faultOf, isName, labelsOf, manifestOf, typedValue, variablesOf } from "../../../service/console/create/draft.ts";
import { type AnyResource, KINDS } from "../../../service/console/resources/kinds.ts";
import { exampleOf, read, textOf } from "../../../service/console/resources/manifest.ts";
import { aPresentedInstance } from "../../support/builders/presented-instance.ts";

const draft: Draft = {
  ...{ name: "web", type: "Echo", template: "greeter", project: "", cpu: "500m", memory: "1Gi", storage: "5Gi" },
  ...{
    labels: "team=red, env=prod",
    values: { "reply.prefix": "hi", "reply.wordDelayMs": "20", "reply.list": "[1]", account: "openai", other: "" },
  },
};
const schema = {
  required: ["reply.wordDelayMs"],
  properties: {
    "reply.prefix": { type: "string", default: "hello", description: "What it says first" },
    "reply.wordDelayMs": { type: "number" },
    "reply.list": { type: "array" },
    key: { type: "string", writeOnly: true },
    account: { type: "object", "x-type": "secretRef" },
  },
};

describe("a form for a new instance", () => {
  it("asks for a template's variables, those first that have to be given", ({ expect }) => {
    const variables = variablesOf(schema);
    expect(variables.map(({ name }) => name)).toEqual(["reply.wordDelayMs", "reply.prefix", "reply.list", "key", "account"]);
    expect(variables.find(({ name }) => name === "key")).toMatchObject({ isSecret: true, isRequired: false });
  });

  it("shows what the service has against a value beside it, and against what is in it", ({ expect }) => {
    const issues = [
      { path: "reply.list[0]", message: "is no text", fix: "give a text" },
      { path: "reply.prefixes", message: "is unknown" },
    ];
    expect(faultOf("reply.list", issues)).toBe("is no text; give a text");
    expect(faultOf("reply.prefix", issues)).toBeUndefined();
  });

  it("is a manifest that the contract takes, of what was given and nothing else", ({ expect }) => {
    const manifest = ClawInstanceInputSchema.parse(manifestOf(draft, variablesOf(schema)));
    expect(manifest.metadata).toEqual({ name: "web", labels: { team: "red", env: "prod" } });
    expect(manifest.spec.config).toEqual({
      template: "greeter",
      overrides: [
        { key: "reply.wordDelayMs", value: 20 },
        { key: "reply.prefix", value: "hi" },
        { key: "reply.list", value: [1] },
        { key: "account", value: { secretRef: "openai" } },
      ],
    });
  });

  it.for([
    { type: "number", text: "x", value: undefined },
    { type: "number", text: "1.5", value: 1.5 },
    { type: "boolean", text: "true", value: true },
    { type: "boolean", text: "yes", value: undefined },
    { type: "object", text: "{", value: undefined },
    { type: "string", text: "1", value: "1" },
  ])("takes '$text' for a $type as $value", ({ type, text, value }, { expect }) => {
    expect(typedValue({ type }, text)).toBe(value);
  });

  it("knows names and labels", ({ expect }) => {
    expect(["web-1", "Web", "-web", "a".repeat(64)].map(isName)).toEqual([true, false, false, false]);
    expect([labelsOf(""), labelsOf("a=b,c="), labelsOf("a")]).toEqual([{}, { a: "b", c: "" }, undefined]);
  });
});

describe("a manifest as text", () => {
  it("has what is declared and the version that was read, and is read as it was written", ({ expect }) => {
    const text = textOf(aPresentedInstance("web") as unknown as AnyResource);
    expect(text).not.toContain("status:");
    expect(read(text, "nothing")).toMatchObject({ manifest: { kind: "ClawInstance", metadata: { name: "web", resourceVersion: "1" } } });
  });

  it("says what is wrong with what is none", ({ expect }) => {
    expect(read("a: [", "nothing")).toHaveProperty("fault");
    expect(read("just text", "nothing")).toEqual({ fault: "nothing" });
    expect(read("", "nothing")).toEqual({ fault: "nothing" });
  });

  it("begins, for each kind that the console shows, with one that names it", ({ expect }) => {
    for (const view of KINDS) {
      expect(read(exampleOf(view), "nothing")).toMatchObject({ manifest: { kind: view.kind } });
    }
    // Instances have pages of their own.
    expect([...KINDS.map(({ kind }) => kind), "ClawInstance"].sort()).toEqual(resourceKinds.map(({ kind }) => kind).sort());
  });
});
