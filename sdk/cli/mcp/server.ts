import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { UserAbortError } from "../../client/index.ts";
import type { Context } from "../context.ts";
import { programVersion } from "../version.ts";
import { addTools } from "./tools.ts";

const INSTRUCTIONS = `Open Cluster Claw runs instances of claws (long-running AI-agent gateways) for tenants. Resources are declared by manifests of the
kinds Tenant, Project, ConfigTemplate, ClawInstance and Cluster, like those of Kubernetes. To change something, call 'preview' with manifests or changes,
show the user what it answers, and have its planId applied. Call 'explain' for any condition, reason, error code or field that you don't know.`;

/** Serves the protocol until stdin ends or the client is gone. @throws {UserAbortError} on Ctrl-C */
export async function serveMcp(context: Context, allowApply: boolean): Promise<void> {
  const { io, out, signal } = context;
  // A profile that is not there is told at once, not at the first call of an agent.
  const { claw } = context;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const served = serveStdio(
    () => {
      const server = new McpServer({ name: "claw", version: programVersion }, { instructions: INSTRUCTIONS });
      addTools(server, { claw, allowApply });
      return server;
    },
    {
      transport: new EndingTransport(io.stdin, io.stdout, resolve),
      onerror: (error) => out.note(`mcp: ${error.message}`),
    },
  );
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) {
    resolve();
  }
  await ended;
  await served.close();
  if (signal.aborted) {
    throw new UserAbortError("interrupted");
  }
}

/** A transport over stdio that tells when it has ended, for whichever reason. */
class EndingTransport extends StdioServerTransport {
  readonly #onEnd: () => void;

  constructor(stdin: Context["io"]["stdin"], stdout: Context["io"]["stdout"], onEnd: () => void) {
    super(stdin, stdout);
    this.#onEnd = onEnd;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#onEnd();
  }
}
