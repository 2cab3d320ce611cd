import { resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { onTestFinished } from "vitest";

const program = resolve(import.meta.dirname, "../../sdk/cli/main.ts");

type Answer = Awaited<ReturnType<Client["callTool"]>>;

interface Agent {
  readonly client: Client;
  readonly transport: StdioClientTransport;
  /** What a tool answers. @throws when it answers an error */
  ask(tool: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** The error that a tool answers. @throws when it answers none */
  refusal(tool: string, input?: Record<string, unknown>): Promise<string>;
}

/** `claw mcp` in a process of its own, with the SDK's client before it. It ends with the test. */
export async function anAgent(
  url: string,
  token: string,
  flags: readonly string[] = [],
  command: readonly string[] = [process.execPath, program],
): Promise<Agent> {
  const [file = "", ...args] = command;
  const env = { PATH: process.env["PATH"] ?? "", CLAW_URL: url, CLAW_TOKEN: token, CLAW_TENANT: "acme" };
  const transport = new StdioClientTransport({ command: file, args: [...args, "mcp", ...flags], env });
  const client = new Client({ name: "test", version: "0" });
  await client.connect(transport);
  onTestFinished(() => client.close());
  const call = (name: string, input: Record<string, unknown> = {}) => client.callTool({ name, arguments: input });
  return {
    client,
    transport,
    async ask(tool, input) {
      const answer = await call(tool, input);
      if (answer.isError) {
        throw new Error(`${tool}: ${textOf(answer)}`);
      }
      return answer.structuredContent as Record<string, unknown>;
    },
    async refusal(tool, input) {
      const answer = await call(tool, input);
      if (!answer.isError) {
        throw new Error(`${tool} answered ${textOf(answer)}`);
      }
      return textOf(answer);
    },
  };
}

function textOf({ content }: Answer): string {
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join("");
}
