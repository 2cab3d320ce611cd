import { ResourceInitError } from "../contract/provider.ts";

/** What the user reads of an error that ended a step. */
export function errorText(error: unknown): string {
  if (error instanceof ResourceInitError) {
    const { reasons } = error;
    const count = `${reasons.length} error${reasons.length === 1 ? "" : "s"} occurred:`;
    return `${count}\n${reasons.map((reason) => `\t* ${reason}`).join("\n")}\n\n`;
  }
  if (!(error instanceof Error)) {
    return String(error);
  }
  // grpc-js puts the code in front of the message; Pulumi shows the message alone.
  const { details } = error as { details?: unknown };
  return typeof details === "string" && details !== "" ? details : error.message;
}
