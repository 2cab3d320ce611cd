import { ApiError, ConnectionError, PlanRefusedError, UserAbortError } from "../client/errors.ts";

/** What `claw` exits with. Part of the contract with scripts. */
export const ExitCode = {
  Ok: 0,
  Failure: 1,
  Usage: 2,
  NotFound: 3,
  Auth: 4,
  Conflict: 5,
  /** `claw diff --exit-code` found changes, `claw configs check` claws that are not configured as is declared. */
  Changes: 6,
  /** `claw audit verify --known` found the chain whole, and the record that was known removed by retention. */
  Unproven: 7,
  Interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

interface FailureParts {
  readonly why?: string | undefined;
  /** What to do about it, with the command to run. */
  readonly fix?: string | undefined;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/** A failure that is told to the user without a stack: what happened, why, how to fix it. */
export class CliError extends Error {
  readonly why: string | undefined;
  readonly fix: string | undefined;
  readonly exitCode: ExitCode;
  constructor(what: string, { why, fix, exitCode = ExitCode.Failure, cause }: FailureParts = {}) {
    super(what, cause === undefined ? undefined : { cause });
    this.name = "CliError";
    this.why = why;
    this.fix = fix;
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong. */
export function usageError(what: string, fix?: string): CliError {
  return new CliError(what, { fix, exitCode: ExitCode.Usage });
}

/** What a failed command says and exits with; undefined for a bug, which keeps its stack. */
export interface Told {
  readonly what: string;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  readonly issues?: readonly { readonly path: string; readonly message: string; readonly fix?: string | undefined }[];
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  readonly exitCode: ExitCode;
}

/** What to say of an error. */
export function tell(error: unknown): Told | undefined {
  if (error instanceof CliError) {
    return { what: error.message, why: error.why, fix: error.fix, exitCode: error.exitCode };
  }
  if (error instanceof ApiError) {
    const { message, issues, code, requestId } = error;
    return {
      what: error.title,
      // The detail of an answer with issues repeats the first of them.
      why: message === error.title || issues.some((issue) => message.includes(issue.message)) ? undefined : message,
      fix: fixOf(error),
      issues,
      code,
      requestId,
      exitCode: exitCodeOf(error),
    };
  }
  if (error instanceof UserAbortError) {
    return { what: "interrupted", exitCode: ExitCode.Interrupted };
  }
  if (error instanceof PlanRefusedError) {
    return { ...refusalOf(error), exitCode: ExitCode.Failure };
  }
  if (error instanceof ConnectionError) {
    return {
      what: "the control plane can't be reached",
      why: error.message,
      fix: "start one with 'npm run quickstart', or name another with --url or 'claw login <url>'",
      exitCode: ExitCode.Failure,
    };
  }
  return undefined;
}

function refusalOf({ verdicts: [verdict], items, message }: PlanRefusedError): Pick<Told, "what" | "why" | "fix"> {
  if (verdict) {
    return { what: `the ${verdict.kind} '${verdict.name}' forbids this`, why: verdict.message };
  }
  const [item] = items;
  const problems = items.flatMap((each) => each.problems);
  const [problem] = problems;
  if (!item || !problem) {
    return { what: message };
  }
  return {
    what: `'${item.name}' has a problem${problems.length > 1 ? ` (and ${problems.length - 1} more)` : ""}`,
    why: `${problem.path ? `${problem.path}: ` : ""}${problem.message}`,
    fix: problem.fix,
  };
}

function exitCodeOf(error: ApiError): ExitCode {
  switch (error.status) {
    case 401:
      return ExitCode.Auth;
    case 403:
      return error.code === "auth.forbidden" ? ExitCode.Auth : ExitCode.Failure;
    case 404:
      return ExitCode.NotFound;
    case 409:
    case 412:
      return ExitCode.Conflict;
    default:
      return ExitCode.Failure;
  }
}

/** The fix of a problem that the service can't name, because it does not know the command line. */
function fixOf(error: ApiError): string | undefined {
  switch (error.code) {
    case "auth.unauthenticated":
      return "log in: 'claw login', or set CLAW_TOKEN";
    case "auth.forbidden":
      return "use a token that may: 'claw login --profile <name>', then --profile <name>";
    case "tenant.required":
      return "name the tenant: --tenant <name>, CLAW_TENANT, or 'claw login --tenant <name>'";
    case "instance.not_found":
      return "see which there are: 'claw get instances'; another tenant's need --tenant <name>";
    case "config.not_found":
      return "see which there are: 'claw configs list'";
    case "tenant.not_found":
      return "see which there are: 'claw tenants list'";
    case "project.not_found":
      return "see which there are: 'claw projects list'";
    case "instance.not_running":
      return "start it: 'claw start <instance> --wait'";
    case "instance.name_taken":
      return "take another name, or change the one that is there: 'claw apply -f <file>'";
    case "instance.unknown_type":
      return "see which types there are: 'claw types'";
    case "preview.stale":
    case "preview.not_found":
      return "preview again: 'claw diff -f <file>'";
    case "resource.version_conflict":
      return "read it again ('claw get <kind>/<name> -o yaml'), or leave metadata.resourceVersion out";
    case "tenant.not_empty":
    case "project.not_empty":
      return "destroy its instances first: 'claw destroy <instance> --wait'";
    default:
      return undefined;
  }
}
