import { describe, it } from "vitest";
import type { EffectiveValue } from "../../../sdk/contract/index.ts";
import { sourcesOf } from "../../../service/console/instances/file-levels.ts";

const value = (key: string, of: unknown, origin: EffectiveValue["origin"]): EffectiveValue => ({
  key,
  value: of as EffectiveValue["value"],
  origin,
  secret: false,
});

describe("the levels of a rendered file", () => {
  it("are those of the values that its lines show, by name, or by a value that is one key's alone", ({ expect }) => {
    const content = '{\n  "prefix": "Hello",\n  "primary": "vendor/model-1",\n  "on": true,\n  "port": 8080,\n  "other": [\n  ]\n}';
    const sources = sourcesOf(content, [
      value("reply.prefix", "Hello", "project"),
      value("model.name", "vendor/model-1", "tenant"),
      value("logs.on", false, "type"),
      value("a.flag", true, "type"),
      value("gateway.port", 8080, "instance"),
    ]);
    expect(sources.map((source) => source?.origin)).toEqual([
      undefined,
      "project",
      "tenant",
      undefined,
      "instance",
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("are none where several keys have a line's value and none its name", ({ expect }) => {
    const sources = sourcesOf('x: "same thing"', [value("a.b", "same thing", "type"), value("c.d", "same thing", "tenant")]);
    expect(sources).toEqual([undefined]);
  });
});
