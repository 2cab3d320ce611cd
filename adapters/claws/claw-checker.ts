import { fork } from "node:child_process";
import { z } from "zod";
import { IssueSchema } from "../../sdk/contract/index.ts";
import {
  type ClawProgram,
  type ClawPrograms,
  type ConfigQuestion,
  ProgramUnavailableError,
} from "../../service/application/ports/instances/claw-programs.ts";

/** An installation takes most of it. */
const TIMEOUT_MS = 15 * 60_000;

/** What a checking process is asked. */
export type CheckRequest = { readonly cacheDir: string } & (
  | { readonly type: "schema"; readonly program: ClawProgram }
  | { readonly type: "judge"; readonly question: ConfigQuestion }
);

/** What it answers. */
export const CheckReplySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("schema"), schema: z.record(z.string(), z.unknown()).nullable() }),
  z.object({ type: z.literal("issues"), issues: z.array(IssueSchema) }),
  z.object({ type: z.literal("unavailable"), why: z.string() }),
]);
export type CheckReply = z.infer<typeof CheckReplySchema>;

/**
 * Asks claws' programs in processes of their own, one after another: each may install a version, and reading what a program left behind
 * blocks whoever does it.
 * @param options.entry the process's program
 * @param options.cacheDir where versions of claws are installed
 */
export function createClawChecker(options: { readonly entry: URL; readonly cacheDir: string }): ClawPrograms {
  let last: Promise<unknown> = Promise.resolve();
  const closing = new AbortController();
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("CLAW_"));

  const run = (request: CheckRequest): Promise<CheckReply> =>
    new Promise((resolve, reject) => {
      const child = fork(options.entry, [], {
        env: Object.fromEntries(inherited),
        execArgv: ["--disable-warning=ExperimentalWarning"],
        serialization: "advanced",
        stdio: ["ignore", "inherit", "inherit", "ipc"],
        timeout: TIMEOUT_MS,
        signal: closing.signal,
      });
      child.once("message", (message) => {
        const reply = CheckReplySchema.safeParse(message);
        if (reply.success) {
          resolve(reply.data);
        }
        child.disconnect();
      });
      child.once("error", () => reject(new ProgramUnavailableError("the checking process did not run")));
      child.once("exit", (code, signal) => reject(new ProgramUnavailableError(`the checking process ended (${signal ?? code})`)));
      child.send(request);
    });
  const inTurn = (request: CheckRequest): Promise<CheckReply> => {
    const reply = last.then(() => run(request));
    last = reply.catch(() => undefined);
    return reply;
  };
  const refuse = (reply: CheckReply): never => {
    throw new ProgramUnavailableError(reply.type === "unavailable" ? reply.why : "the checking process answered something else");
  };

  return {
    async schemaOf({ package: name, version }) {
      const reply = await inTurn({ type: "schema", cacheDir: options.cacheDir, program: { package: name, version } });
      return reply.type === "schema" ? reply.schema : refuse(reply);
    },
    async judge(question) {
      const reply = await inTurn({ type: "judge", cacheDir: options.cacheDir, question });
      return reply.type === "issues" ? reply.issues : refuse(reply);
    },
    async close() {
      closing.abort();
      await last;
    },
  };
}
