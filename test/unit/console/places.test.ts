import { describe, it } from "vitest";
import { placeOf } from "../../../service/console/resources/places.ts";

const text = `kind: ClawInstance
metadata:
  name: web
spec:
  replicas: seven
  config:
    overrides:
      - key: model.name
        value: some/model
      - key: reply.prefix
        value: 7
`;

describe("where a manifest is wrong", () => {
  it.for([
    ["spec.replicas", "seven"],
    ["manifests[0].spec.replicas", "seven"],
    ["changes[0].manifest.metadata.name", "web"],
    ["spec.config.overrides[1].value", "7"],
    ["spec.config.overrides[reply.prefix].value", "7"],
    ["spec.config.overrides[model.name]", "key"],
    // What is not there is looked for where it would be.
    ["spec.storage.size", "spec"],
    ["spec.config.overrides[9].value", "overrides"],
  ] as const)("is at what the path names, or as near as there is something: %s", ([path, expected], { expect }) => {
    const place = placeOf(text, path);
    expect(text.slice(place?.from, place?.to)).toBe(expected);
  });

  it("is nowhere for the whole of it", ({ expect }) => {
    expect(placeOf(text, "")).toBeUndefined();
  });
});
