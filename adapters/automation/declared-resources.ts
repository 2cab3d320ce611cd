import type { DeclaredResource } from "../../service/application/ports/clusters/clusters.ts";
import type { StackStore } from "../engine/contract/store.ts";
import { engineOf } from "./stack-engine.ts";

/** What a stack declares, as the embedded engine keeps it. */
export async function declaredResources(store: StackStore, project: string, stack: string): Promise<readonly DeclaredResource[]> {
  const ref = { project, stack };
  // Of a stack that the CLI keeps there may be an old copy here: a refresh compares with what the CLI has.
  const isHere = (await engineOf(store, ref)) === "embedded";
  return isHere ? (await store.loadResources(ref)).resources.map(({ state }) => state) : [];
}
