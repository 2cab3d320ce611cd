import type { ProcessSpec } from "../../sdk/contract/index.ts";
import { AgentReason } from "../../sdk/contract/reasons.ts";
import type { ClawProcess } from "./claw-process.ts";

const AT_ONCE_MS = 3_000;

/** What a claw's end means. */
export type ExitVerdict =
  /** It was asked to end. */
  | { readonly kind: "expected" }
  /** Starting it again would end the same way. */
  | { readonly kind: "failed"; readonly reason: string; readonly message: string }
  | { readonly kind: "crashed"; readonly reason: string; readonly message: string; readonly readyForMs: number };

/** What a claw has said before it ended. */
interface LastWords {
  /** What is wrong by its own program's word, or the last of it, secrets taken out; told only of one that was never ready. */
  readonly why: string;
  /** Whether its last lines have a text. */
  says(text: string): boolean;
}

/** Judges the end of a claw. */
export function judgeExit(claw: ClawProcess, spec: ProcessSpec, { why, says }: LastWords, nowMs: number): ExitVerdict {
  const { endCause, exit, record } = claw;
  const code = exit?.code;
  if ((endCause && !endCause.isCrash) || (claw.restarting && code === 0)) {
    return { kind: "expected" };
  }
  const readyForMs = record.readyAtMs === undefined ? 0 : nowMs - record.readyAtMs;
  if (endCause) {
    return { kind: "crashed", reason: endCause.reason, message: endCause.message, readyForMs };
  }
  const output = record.readyAtMs === undefined && why !== "" ? ` ${why}` : "";
  const { exitCodes, lastWords } = spec.runtime;
  // Of one that was ready they may be anybody's: it prints what it is told.
  const said = record.readyAtMs === undefined ? lastWords?.find((words) => says(words.says)) : undefined;
  const known = said ? { ...said, restart: false } : code === undefined ? undefined : exitCodes[String(code)];
  if (known && !known.restart) {
    return { kind: "failed", reason: known.reason, message: `${known.message}${output}` };
  }
  const ranMs = nowMs - record.startedAtMs;
  const how = code !== undefined ? `exited with code ${code}` : exit?.signal ? `was ended by ${exit.signal}` : "ended";
  const isAtOnce = record.readyAtMs === undefined && ranMs < AT_ONCE_MS;
  return {
    kind: "crashed",
    reason: known?.reason ?? (isAtOnce ? AgentReason.ExitedAtOnce : AgentReason.Crashed),
    message: `${known ? `${known.message} ` : ""}The claw ${how} after ${(ranMs / 1000).toFixed(1)} s.${output}`,
    readyForMs,
  };
}
