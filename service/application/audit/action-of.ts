import { type RouteId, resourceKinds } from "../../../sdk/contract/index.ts";
import type { Told } from "../../domain/audit/chain.ts";

/** A part of the API as records call it: `roleBindings` is `role_binding`. */
function areaOf(name: string): string {
  const one = name.replace(/ies$/, "y").replace(/(?<!s)s$/, "");
  return one.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What a route does, as records call it: `roleBindings.replace` is `role_binding.update`. */
export function actionOf(route: RouteId): string {
  const [area = "", verb = ""] = route.split(".");
  const done = verb === "replace" ? "update" : verb.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `${areaOf(area)}.${done}`;
}

/** The resource of a route by what a request calls it: its name or its uid. */
export function resourceNamed(route: RouteId, ref: string | undefined): Told["resource"] {
  if (ref === undefined) {
    return undefined;
  }
  const [name = ""] = route.split(".");
  const area = areaOf(name);
  const known = resourceKinds.find((facts) => facts.area === area)?.kind;
  const kind = known ?? area.replaceAll(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  return { kind, name: ref, ...(/^[a-z]{3}_/.test(ref) && { uid: ref }) };
}
