import { ClawError, nearestKey } from "../../../sdk/contract/index.ts";

export function unknownType(path: string, value: string, known: readonly string[]): ClawError {
  const message = `'${value}' is not known`;
  const fix = unknownNameFix(value, known) ?? `use one of ${known.join(", ")}`;
  return new ClawError("instance.unknown_type", `${path}: ${message}; ${fix}`, { issues: [{ path, message, fix }] });
}

/** What to do about a name that is not there, when one that is there is near. */
export function unknownNameFix(name: string, known: readonly string[]): string | undefined {
  const nearest = nearestKey(name, known);
  return nearest === undefined ? undefined : `did you mean '${nearest}'?`;
}

export function invalid(path: string, message: string, fix: string): ClawError {
  return new ClawError("request.invalid", message, { issues: [{ path, message, fix }] });
}

/** A value that names something of the host is not a tenant's to set. */
export function platformOnly(path: string, key: string): ClawError {
  const message = `'${key}' names something of the host, and is set by platform administrators only`;
  const fix = "leave it out, or ask a platform administrator to set it";
  return new ClawError("auth.forbidden", `${message}; ${fix}`, { issues: [{ path, message, fix }] });
}

/** @throws {ClawError} `request.invalid` for what others fall back on */
export function assertDispensable(noun: string, name: string, needed: string): void {
  if (name === needed) {
    throw invalid(
      "id",
      `the ${noun} '${name}' is what others fall back on and can't be deleted`,
      "leave it; being empty, it costs nothing",
    );
  }
}
