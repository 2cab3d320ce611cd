import { describe, it } from "vitest";
import { RESOURCE_REFERENCE_SIGNATURE, SIGNATURE_KEY } from "../../../../adapters/engine/contract/values.ts";
import { fromStruct, toStruct } from "../../../../adapters/engine/deployment/structs.ts";

describe("a reference to a resource", () => {
  const reference = { [SIGNATURE_KEY]: RESOURCE_REFERENCE_SIGNATURE, urn: "urn:pulumi:s::p::a:b:C$test:index:Thing::one", id: "1" };

  it("tells name and type on its way out, as the CLI's do, and is kept without them", ({ expect }) => {
    const wire = toStruct({ list: [{ of: reference }] });
    const told = { ...reference, name: "one", type: "test:index:Thing" };
    expect(wire.toJavaScript()).toEqual({ list: [{ of: told }] });
    expect(fromStruct(wire)).toEqual({ list: [{ of: reference }] });
  });

  it("goes out as it is where its URN is none", ({ expect }) => {
    const odd = { [SIGNATURE_KEY]: RESOURCE_REFERENCE_SIGNATURE, urn: "urn:pulumi:nothing" };
    expect(toStruct({ odd }).toJavaScript()).toEqual({ odd });
  });
});
