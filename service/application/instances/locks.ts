import { ClawError } from "../../../sdk/contract/index.ts";
import { ConfigLevel, levelOf, type StoredConfigValues } from "../../domain/configs/config-values.ts";

const STRENGTH: readonly ConfigLevel[] = Object.values(ConfigLevel);

/** What is locked at levels weaker than one, by key. @param sets what an instance there sees */
export function locksAbove(level: ConfigLevel, sets: readonly StoredConfigValues[]): ReadonlyMap<string, StoredConfigValues> {
  const above = sets.filter(({ spec }) => STRENGTH.indexOf(levelOf(spec.at)) < STRENGTH.indexOf(level));
  return locksOf(above);
}

/** What is locked for an instance's own overrides: those of its own level too. */
export function locksOf(sets: readonly StoredConfigValues[]): ReadonlyMap<string, StoredConfigValues> {
  return new Map(sets.flatMap((set) => set.spec.values.filter(({ locked }) => locked).map(({ key }) => [key, set])));
}

/** The refusal of a value that cannot be. */
export function unsettable(path: string, message: string, fix: string): ClawError {
  return new ClawError("config.invalid", `${path}: ${message}`, { issues: [{ path, message, fix }] });
}

/** The refusal of a value that a weaker level does not let be changed. */
export function lockedBy(path: string, key: string, { name, spec }: StoredConfigValues): ClawError {
  const level = levelOf(spec.at);
  const whom = level === ConfigLevel.Global ? "a platform administrator" : "an administrator of the tenant";
  return unsettable(
    path,
    `'${key}' is locked at the level '${level}' by the config values '${name}'`,
    `leave it out, or ask ${whom} to unlock it`,
  );
}
