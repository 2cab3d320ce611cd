import { describe, it } from "vitest";
import { checkManifest } from "../../../service/console/resources/check-manifest.ts";
import { KINDS } from "../../../service/console/resources/kinds.ts";
import { exampleOf, read } from "../../../service/console/resources/manifest.ts";
import { placeOf } from "../../../service/console/resources/places.ts";
import { anEcho } from "../../support/builders/manifests.ts";

const marked = (text: string) => {
  const written = read(text, "");
  return checkManifest("manifest" in written ? written.manifest : undefined).map(({ path, message }) => {
    const { from = 0, to = 0 } = placeOf(text, path) ?? {};
    return [text.slice(from, to), message];
  });
};

describe("a manifest while it is typed", () => {
  it("is marked where it does not fit its kind", ({ expect }) => {
    const text = "apiVersion: clusterclaw.io/v1\nkind: Policy\nmetadata:\n  name: small\n  lables: {}\nspec:\n  mode: warm\n";
    expect(marked(text)).toEqual([
      ["lables", "metadata.lables: unknown key 'lables': did you mean 'labels'?"],
      ["warm", `spec.mode: "warm" is not one of enforce, warn, audit: did you mean 'warn'?`],
    ]);
    expect(marked("kind: Claw\nmetadata: { name: web }\n")).toEqual([["Claw", expect.stringContaining("is not one of")]]);
  });

  it("is fit as it is begun with, and as it is answered", ({ expect }) => {
    const wrong = KINDS.flatMap((kind) => marked(exampleOf(kind)));
    // A secret has to be given.
    expect(wrong).toEqual([['""', expect.stringContaining("spec.value: ")]]);
    expect(checkManifest(anEcho("web"))).toEqual([]);
  });
});
