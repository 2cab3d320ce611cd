import { type PropertyDiff, SECRET_MASK } from "../../../sdk/contract/index.ts";
import type { Deviation } from "../../../service/application/ports/clusters/clusters.ts";
import { diffValues } from "../../../service/domain/diff.ts";
import type { PropertyMap, PropertyValue } from "../../engine/contract/values.ts";

/** What can be told of a host's resources besides that they are gone. Everything else of them is read from the declaration itself. */
const READ: Readonly<Record<string, readonly string[]>> = {
  "clusterclaw:process:Directory": ["mode"],
  "clusterclaw:process:ConfigFiles": ["files"],
  "clusterclaw:process:Process": ["running", "specDigest", "agentRunning"],
};

/** How a resource of a host differs from what was declared; a host does not remember who did it. @param found undefined when it is gone */
export function deviationOf(type: string, declared: PropertyMap, found: PropertyMap | undefined): Deviation | undefined {
  if (!found) {
    return { op: "deleted", diffs: [] };
  }
  const diffs = (READ[type] ?? []).flatMap((property) =>
    property === "files"
      ? fileDiffs(toFiles(declared["files"]), toFiles(found["files"]))
      : diffValues({ [property]: declaredOf(property, declared) }, { [property]: found[property] }),
  );
  return diffs.length > 0 ? { op: "changed", diffs } : undefined;
}

/** Checkpoints of earlier versions say that a stopped claw has an agent. */
function declaredOf(property: string, declared: PropertyMap): PropertyValue | undefined {
  return property === "agentRunning" ? declared["running"] : declared[property];
}

type Files = Readonly<Record<string, string>>;

function toFiles(value: PropertyValue | undefined): Files {
  return (value ?? {}) as Files;
}

/** Property by property where both are JSON. */
function fileDiffs(declared: Files, found: Files): PropertyDiff[] {
  return Object.keys(declared).flatMap((path) => {
    const [before, after] = [declared[path], found[path]];
    if (before === after) {
      return [];
    }
    const parsed = [parseJson(before), parseJson(after)] as const;
    const at = `files["${path}"]`;
    return after !== undefined && parsed[0] && parsed[1]
      ? diffValues(parsed[0], parsed[1]).map((diff) => ({
          ...masked(diff),
          path: `${at}${diff.path.startsWith("[") ? "" : "."}${diff.path}`,
        }))
      : [{ path: at, kind: after === undefined ? ("delete" as const) : ("update" as const) }];
  });
}

function parseJson(text: string | undefined): object | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A secret belongs into the environment: what stands where a reference to it was declared, or is called like one, is not shown. */
function masked(diff: PropertyDiff): PropertyDiff {
  const isSecret = diff.before?.includes("${") || /(key|token|secret|password)"?\]?$/i.test(diff.path);
  return isSecret && diff.after !== undefined ? { ...diff, after: SECRET_MASK } : diff;
}
