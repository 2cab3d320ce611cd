import { readFileSync } from "node:fs";
import type { ResolvedInstance } from "../../../sdk/contract/index.ts";
import { aResolvedInstance } from "../builders/resolved-instance.ts";
import { aSpec, fixtureClaw } from "./harness.ts";

/** An instance of the fixture claw, as the service resolves it for a host. */
export function aFixtureInstance(hostDir: string, name: string, changes: Partial<ResolvedInstance> = {}): ResolvedInstance {
  return aResolvedInstance(name, {
    type: "Echo",
    deletionPolicy: "delete",
    runtime: {
      ...aSpec(hostDir).runtime,
      command: ["${node}", "${configDir}/claw.mjs"],
      files: [{ path: "claw.mjs", content: readFileSync(fixtureClaw, "utf8") }],
    },
    ...changes,
  });
}
