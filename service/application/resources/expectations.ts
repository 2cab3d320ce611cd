import { ClawError, factsOf } from "../../../sdk/contract/index.ts";
import { changedResource, type PlannedChange } from "../../domain/change.ts";
import type { StoredResource } from "../../domain/resource.ts";
import type { Stamp } from "./kind.ts";
import type { IfMatch } from "./route-handlers.ts";

/** That a resource is there, or is not, and is what the caller takes it to be. @throws {ClawError} `<area>.name_taken`, `<area>.not_found`, `resource.version_conflict` */
export function assertExpected(change: PlannedChange, before: StoredResource | undefined, stamp: Stamp): void {
  const { kind, name } = changedResource(change);
  const { noun, area, scope } = factsOf(kind);
  if (change.expect === "absent" && before) {
    const isEnding = before.deletedAt !== undefined;
    const message = `the ${noun} '${name}' is ${isEnding ? "being destroyed" : "there already"}`;
    const fix = isEnding ? "wait until it is gone, or choose another name" : "choose another name, or update that one";
    throw new ClawError(`${area}.name_taken`, `${message}; ${fix}`, { issues: [{ path: "metadata.name", message, fix }] });
  }
  if (!before && (change.action !== "apply" || change.expect === "present")) {
    const place = scope === "platform" ? "" : ` in tenant '${change.tenant}'`;
    throw new ClawError(`${area}.not_found`, `there is no ${noun} '${name}'${place}`);
  }
  const current = before && String(before.resourceVersion);
  const written = change.action === "apply" ? change.manifest.metadata.resourceVersion : undefined;
  const isStale = current !== undefined && written !== undefined && written !== current;
  if (isStale || (stamp.ifMatch !== undefined && !matches(stamp.ifMatch, current))) {
    const is = current === undefined ? "does not exist yet" : `is at version ${current}, not ${isStale ? written : String(stamp.ifMatch)}`;
    throw new ClawError("resource.version_conflict", `${noun} '${name}' ${is}; read it again and repeat your change`, {
      issues: [
        {
          path: isStale ? "metadata.resourceVersion" : "If-Match",
          message: current === undefined ? "there is no version" : `the newest is ${current}`,
          fix: "read it again and repeat your change",
        },
      ],
    });
  }
}

function matches(ifMatch: IfMatch, current: string | undefined): boolean {
  return current !== undefined && (ifMatch === "*" || ifMatch.includes(current));
}
