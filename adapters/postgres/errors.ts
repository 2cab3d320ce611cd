import { QueryFailedError, QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from "typeorm";
import { ClawError, type ErrorCode } from "../../sdk/contract/index.ts";

/** Transactions that failed with one of these may simply be run again. */
const SERIALIZATION_FAILURES = new Set(["40001", "40P01"]);
const TIMEOUTS = new Set(["57014", "55P03", "25P03"]);
/** Server classes and codes that mean "not now": no connection, too many of them, shutting down or starting up, disk full. */
const UNAVAILABLE = /^(08|53|57P)/;
const CONNECTION_ERRORS = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN"]);

/** What the pool of connections says when none was free in time: it has no code for it. */
const NO_CONNECTION = "timeout exceeded when trying to connect";

/** What the driver says of a connection that broke before there was an answer: it has no code for it either. */
const BROKEN = /^(Connection terminated|Client has encountered a connection error)/;

const CONSTRAINTS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  tenants_name_key: ["tenant.name_taken", "the tenant's name is taken"],
  projects_tenant_id_name_key: ["project.name_taken", "the project's name is taken"],
  projects_tenant_id_fkey: ["tenant.not_found", "the tenant is gone"],
  config_templates_tenant_id_name_key: ["config.name_taken", "the config template's name is taken"],
  config_templates_tenant_id_fkey: ["tenant.not_found", "the tenant is gone"],
  config_versions_pkey: ["resource.version_conflict", "that version was published by somebody else meanwhile"],
  config_versions_tenant_id_template_id_fkey: ["config.not_found", "the config template is gone"],
  config_values_tenant_id_fkey: ["tenant.not_found", "the tenant is gone"],
  former_config_values_pkey: ["resource.version_conflict", "those config values were changed by somebody else meanwhile"],
  instances_tenant_id_name_key: ["instance.name_taken", "the instance's name is taken"],
  instances_tenant_id_project_id_fkey: ["project.not_found", "the project is gone"],
  instance_events_tenant_id_fkey: ["tenant.not_found", "the tenant is gone"],
  plans_tenant_id_fkey: ["tenant.not_found", "the tenant is gone"],
  api_tokens_tenant_id_fkey: ["tenant.not_found", "the tenant is gone"],
};

/** The SQLSTATE, or the system's code when there was no answer. */
export function errorCodeOf(error: unknown): string | undefined {
  const driverError: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const code = (driverError as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Whether running the whole transaction again may succeed. */
export function isSerializationFailure(error: unknown): boolean {
  return SERIALIZATION_FAILURES.has(errorCodeOf(error) ?? "");
}

/** A table or a column is not there. */
const NOT_MIGRATED = new Set(["42P01", "42703"]);

/** What a database error means to callers. Errors that are ours already, and those that a retry may cure, pass unchanged. */
export function toClawError(error: unknown): unknown {
  // TypeORM lets go of a connection that breaks in the middle of a transaction, and then only says that it did.
  const isReleased = error instanceof QueryRunnerAlreadyReleasedError || error instanceof QueryRunnerProviderAlreadyReleasedError;
  if (isReleased || (error instanceof Error && BROKEN.test(error.message))) {
    return new ClawError("service.unavailable", "the connection to the database broke; try again", { cause: error });
  }
  if (error instanceof Error && error.message === NO_CONNECTION) {
    return new ClawError("service.unavailable", "all connections to the database are in use; try again", { cause: error });
  }
  const code = errorCodeOf(error);
  if (error instanceof ClawError || code === undefined || isSerializationFailure(error)) {
    return error;
  }
  const constraint = error instanceof QueryFailedError ? (error.driverError as { constraint?: string }).constraint : undefined;
  const known = CONSTRAINTS[constraint ?? ""];
  if ((code === "23505" || code === "23503") && known) {
    return new ClawError(known[0], known[1], { cause: error });
  }
  if (TIMEOUTS.has(code)) {
    return new ClawError("service.unavailable", "the database took too long to answer; try again", { cause: error });
  }
  if (UNAVAILABLE.test(code) || CONNECTION_ERRORS.has(code)) {
    return new ClawError("service.unavailable", "the database can't be reached now; try again", { cause: error });
  }
  if (NOT_MIGRATED.has(code)) {
    const message =
      "the database is not this version's: start claw-server once with these settings, which migrates it, or correct CLAW_DATABASE_URL";
    return new ClawError("service.unavailable", message, { cause: error });
  }
  if (code.startsWith("22")) {
    return new ClawError("request.invalid", "a value is out of range, or not of the form that is stored", { cause: error });
  }
  // Anything else, a row-level security refusal (42501) above all, is a bug of ours.
  return new ClawError("service.internal", "the database refused a statement", { cause: error });
}
