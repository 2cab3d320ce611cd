import { describe, it } from "vitest";
import { instanceKind } from "../../../sdk/cli/kinds/instance.ts";
import { parseReferences, resourceKinds } from "../../../sdk/cli/resources.ts";
import { resourceKinds as contractKinds } from "../../../sdk/contract/index.ts";

const read = (words: string[], fallback?: typeof instanceKind) =>
  parseReferences(words, fallback).map(({ kind, name }) => [kind.word, name]);

describe("the kinds of the command line", () => {
  it("are those of the contract, in the order of writing", ({ expect }) => {
    const namesOf = (kinds: readonly { kind: string; scope: string }[]) => kinds.map(({ kind, scope }) => `${kind} ${scope}`);
    expect(namesOf(resourceKinds)).toEqual(namesOf(contractKinds));
  });
});

describe("parseReferences", () => {
  it.for([
    { name: "a kind alone", words: ["instances"], want: [["instance", undefined]] },
    { name: "a short kind", words: ["cfg"], want: [["config", undefined]] },
    { name: "a manifest's kind", words: ["ConfigTemplate", "base"], want: [["config", "base"]] },
    {
      name: "a kind and names",
      words: ["ins", "web", "bot"],
      want: [
        ["instance", "web"],
        ["instance", "bot"],
      ],
    },
    {
      name: "several kinds",
      words: ["instance/web", "tenant/acme"],
      want: [
        ["instance", "web"],
        ["tenant", "acme"],
      ],
    },
  ])("reads $name", ({ words, want }, { expect }) => {
    expect(read(words)).toEqual(want);
  });

  it("takes a bare name for one of the fallback kind, even when a kind is called so", ({ expect }) => {
    expect(read(["web"], instanceKind)).toEqual([["instance", "web"]]);
    expect(read(["config", "base"], instanceKind)).toEqual([["config", "base"]]);
    expect(read(["config"], instanceKind)).toEqual([["instance", "config"]]);
  });

  it.for([["web"], ["pod/web"], ["instance/"], ["instance/a/b"]])("refuses %s, naming the kinds", (word, { expect }) => {
    expect(() => parseReferences([word as unknown as string].flat())).toThrow(/names no resource/);
  });
});
