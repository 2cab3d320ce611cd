import { globSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { readClawManifest } from "../../../adapters/claws/manifest/claw-manifest.ts";

const root = join(import.meta.dirname, "../../..");
const files = globSync("{adapters,docs,service,test}/**/claw-type.yaml", { cwd: root });

describe("the claw types of this repository", () => {
  it.for(files)("can be read: %s", (file, { expect }) => {
    expect(() => readClawManifest(join(root, file))).not.toThrow();
  });
});
