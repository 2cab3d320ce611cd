import { type ConfigView, type Handing, isKeyWithin, parseConfigKey } from "../../../sdk/contract/index.ts";
import { isTree, scalars } from "../../domain/configs/config-path.ts";
import { KeyPatterns } from "../../domain/configs/secret-rules.ts";
import { DIFFERENCES_MAX, differencesOf, type KeyFacts, wholeFile } from "../../domain/instances/consistency.ts";
import type { FoundDifference } from "../../domain/instances/findings.ts";
import type { Derivation } from "../instances/resolve-instance.ts";

/** Shorter ones are in many texts by chance. */
const SECRET_LENGTH_MIN = 4;
/** What refers to a secret in a claw's own config. */
const REFERENCE = "${CLAW_SECRET_";

/** In what a claw's configuration differs from what its agent was handed. @param secretValues what is never shown, wherever it stands */
export function findDifferences(
  view: ConfigView,
  handing: Handing,
  derivation: Derivation,
  secretValues: readonly string[],
): { readonly differences: readonly FoundDifference[]; readonly more: number } {
  const files = "spec" in handing ? handing.files : handing.boot.files;
  const { configKeys: keys } = derivation.adapter;
  const written = new KeyPatterns(keys?.written ?? []);
  const live = keys && view.live?.state === "applied" ? view.live.config : undefined;
  const paths = new Set([...view.files.map(({ path }) => path), ...(keys && live ? [keys.path] : [])]);
  const found = [...paths].flatMap((path) => {
    const wanted = files[path];
    if (wanted === undefined) {
      return [];
    }
    if (path !== keys?.path) {
      // The program of an inline type is no configuration of the tenant's.
      return [wholeFile(path, "platform")];
    }
    const altered = view.files.find((file) => file.path === path);
    const read = (content: string | undefined) => (content === undefined ? undefined : keys.read(content));
    const declared = read(wanted);
    const disk = altered ? read(altered.content) : declared;
    return differencesOf(
      { file: path, declared, disk, live: live && isTree(live) ? live : undefined },
      factsOf(derivation, secretValues),
      written,
    );
  });
  // What somebody is to do something about comes first.
  const sorted = found.toSorted((a, b) => Number(a.owner === "agent") - Number(b.owner === "agent"));
  return { differences: sorted.slice(0, DIFFERENCES_MAX), more: Math.max(0, sorted.length - DIFFERENCES_MAX) };
}

function factsOf({ adapter, config, parsed }: Derivation, secretValues: readonly string[]): (key: string) => KeyFacts {
  const secrets = secretValues.filter(({ length }) => length >= SECRET_LENGTH_MIN);
  const platformKeys = new KeyPatterns(adapter.platformKeys);
  // Whoever of the platform gave it, or locked it, it is theirs.
  const theirs = Object.entries(config.origins).filter(([, { origin, from }]) => origin === "global" || from?.locked === true);
  return (key) => {
    const declaredBy = adapter.configKeys?.declaredBy(key, parsed);
    const isPlatforms =
      declaredBy === undefined ||
      platformKeys.covers(parseConfigKey(declaredBy)) ||
      theirs.some(([other]) => isKeyWithin(declaredBy, other) || isKeyWithin(other, declaredBy));
    return {
      declaredBy,
      owner: isPlatforms ? "platform" : "tenant",
      isSecret: (value) =>
        [...scalars({ value }, () => false)].some(([[, ...inner], leaf]) => {
          const isHidden = [key, ...(declaredBy === undefined ? [] : [declaredBy])].some((at) =>
            config.isSecret([...parseConfigKey(at), ...inner], leaf),
          );
          return isHidden || (typeof leaf === "string" && (leaf.includes(REFERENCE) || secrets.some((secret) => leaf.includes(secret))));
        }),
    };
  };
}
