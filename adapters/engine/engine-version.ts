import { satisfies, valid, validRange } from "semver";

/** The Pulumi release whose formats and answers this engine keeps to. */
export const ENGINE_VERSION = "3.260.0";

/** Why this engine is not in a range of versions, in the words of the CLI. A range may leave out versions (`!3.1.2`), which those of npm can't. */
export function versionProblem(range: string): string | undefined {
  const alternatives = range.split("||").map((alternative) => {
    const parts = alternative.split(/\s+/).filter((part) => part !== "");
    const without = parts.filter((part) => part.startsWith("!")).map((part) => part.replace(/^!=?/, ""));
    return { within: parts.filter((part) => !part.startsWith("!")).join(" "), without };
  });
  if (alternatives.some(({ within, without }) => validRange(within) === null || without.some((version) => valid(version) === null))) {
    return `parsing CLI version range "${range}": it is none`;
  }
  if (!alternatives.some(({ within, without }) => satisfies(ENGINE_VERSION, within) && !without.includes(ENGINE_VERSION))) {
    return `Pulumi CLI version ${ENGINE_VERSION} does not satisfy the version range "${range}"`;
  }
  return undefined;
}
