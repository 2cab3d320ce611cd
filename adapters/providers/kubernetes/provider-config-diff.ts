import type { DiffResult } from "../../engine/contract/provider.ts";
import { hasUnknowns, type PropertyMap } from "../../engine/contract/values.ts";
import { openConnection } from "../../kubernetes/client/kubeconfig.ts";
import { diffProperties } from "../properties.ts";
import { parseProviderConfig } from "./provider-config.ts";

/** New credentials leave resources where they are; another cluster means other resources. */
export function diffProviderConfig(oldInputs: PropertyMap, news: PropertyMap): DiffResult {
  const diffs = Object.keys(diffProperties(oldInputs, news));
  if (diffs.length === 0) {
    return { changes: "none" };
  }
  const moving = ["kubeconfig", "context", "cluster"].filter((key) => diffs.includes(key));
  const identifier = [oldInputs["clusterIdentifier"], news["clusterIdentifier"]];
  if (identifier[1] !== undefined && identifier[0] !== undefined) {
    return { changes: "some", diffs, replaces: identifier[0] === identifier[1] ? [] : ["clusterIdentifier"] };
  }
  const isOther = moving.length > 0 && (moving.some((key) => hasUnknowns(news[key])) || serverOf(oldInputs) !== serverOf(news));
  return { changes: "some", diffs, replaces: isOther ? moving : [] };
}

function serverOf(properties: PropertyMap): string | undefined {
  try {
    return openConnection(parseProviderConfig(properties, {})).server;
  } catch {
    return undefined;
  }
}
