/** Writes `deploy/crds` from the contract: `node deploy/write-crds.ts`. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { customResourceDefinitions } from "../sdk/contract/index.ts";

for (const definition of customResourceDefinitions()) {
  const { name } = definition["metadata"] as { name: string };
  await writeFile(join(import.meta.dirname, "crds", `${name}.yaml`), stringify(definition, { lineWidth: 0, aliasDuplicateObjects: false }));
}
