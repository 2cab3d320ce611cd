import type { PropertyMap } from "../../engine/contract/values.ts";
import { listAt, numberAt, textAt } from "./objects.ts";

/** The API server's refusal: its `Status`. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  /** Field path → what is wrong with it. */
  readonly causes: readonly { readonly field: string; readonly message: string; readonly reason: string }[];
  /** What the refusal is about, where it says so: `namespaces`. */
  readonly resource: string;

  constructor(code: number, status: PropertyMap) {
    super(textAt(status, "message") || `the API server answered ${code}`);
    this.name = "ApiError";
    this.code = numberAt(status, "code") || code;
    this.reason = textAt(status, "reason");
    this.resource = textAt(status, "details", "kind");
    this.causes = listAt(status, "details", "causes").map((cause) => ({
      field: textAt(cause, "field").replace(/^\./, ""),
      message: textAt(cause, "message"),
      reason: textAt(cause, "reason"),
    }));
  }

  get isNotFound(): boolean {
    return this.code === 404;
  }
  get isConflict(): boolean {
    return this.reason === "Conflict";
  }
}

/** The API server gave no answer, or there is nothing to ask. */
export class UnreachableError extends Error {
  constructor(reason: string, cause?: unknown) {
    super(`configured Kubernetes cluster is unreachable: ${reason}`, { cause });
    this.name = "UnreachableError";
  }
}

/** The server has no such apiVersion and kind. */
export class NoMatchError extends Error {
  constructor(apiVersion: string, kind: string) {
    super(
      `the Kubernetes API server has no kind ${kind} of ${apiVersion}. Verify that any required CRDs have been created: ` +
        `no matches for kind "${kind}" in version "${apiVersion}"`,
    );
    this.name = "NoMatchError";
  }
}

/** The answer, or undefined where what it was about is gone or was exchanged meanwhile. */
export async function orGone<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof ApiError && (error.isNotFound || error.code === 409)) {
      return undefined;
    }
    throw error;
  });
}
