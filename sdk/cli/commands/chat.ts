import { createInterface } from "node:readline/promises";
import { text as readAll } from "node:stream/consumers";
import { Option } from "@commander-js/extra-typings";
import type { Chat } from "../../client/index.ts";
import type { ChatSession } from "../../contract/index.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { CliError, usageError } from "../failure.ts";
import { isInteractive } from "../io.ts";
import { formatAge } from "../output/age.ts";
import type { View } from "../output/printer.ts";

export const chatCommand = defineCommand({
  path: "chat",
  group: "Sessions",
  summary: "Send an instance a message and print its answer as it comes",
  details: "Without a message on a terminal it is a conversation, ended by Ctrl-D. With -o json each event is a line of JSON.",
  examples: [
    "claw chat web 'What is on my calendar?'",
    "echo hello | claw chat web -",
    "claw chat web --session notes",
    "claw chat web --session shared:team",
    "claw chat web --sessions",
  ],
  syntax: (command) =>
    command
      .argument("<instance>", "its name")
      .argument("[message...]", "what to say; '-' reads it from stdin")
      .addOption(new Option("--session <name>", "keeps a conversation together; one's own, unless it is named shared:<name>"))
      .addOption(new Option("--sessions", "list the sessions that can be gone on with, instead of saying anything"))
      .addOption(new Option("-o, --output <format>", "how to print").choices(["text", "json"]).default("text")),
  async run(context, { session, sessions = false, output }, name, words) {
    const { io, claw, out, signal } = context;
    if (sessions) {
      const { items } = await claw.instances.chatSessions(name, { signal });
      await out.items(items, sessionView, output === "json" ? "json" : "table");
      return;
    }
    const fromStdin = words.length === 1 && words[0] === "-";
    const message = fromStdin ? (await readAll(io.stdin)).trim() : words.join(" ").trim();
    if (message === "" && (fromStdin || !isInteractive(io))) {
      throw usageError("there is no message", `claw chat ${name} 'hello', or pipe it: echo hello | claw chat ${name} -`);
    }
    const chat = await claw.instances.chat(name, { session, signal });
    try {
      if (message === "") {
        await converse(context, chat, output);
      } else {
        await say(context, chat, message, output);
      }
    } finally {
      chat.close();
    }
  },
});

const sessionView: View<ChatSession> = {
  name: ({ name }) => name,
  columns: [
    { header: "SESSION", value: ({ name }) => name },
    { header: "LAST USED", value: ({ lastUsedAt }) => formatAge(lastUsedAt) },
  ],
};

async function say({ out }: Context, chat: Chat, message: string, output: "text" | "json"): Promise<void> {
  for await (const event of chat.send(message)) {
    if (output === "json") {
      await out.line(JSON.stringify(event));
    } else if (event.type === "delta") {
      await out.write(event.text);
    } else if (event.type === "done") {
      await out.line("");
      const { usage } = event;
      out.note(usage ? out.paintNote("dim", `${usage.inputTokens} tokens in, ${usage.outputTokens} out`) : "");
    }
    if (event.type === "gap") {
      out.note(event.message);
    }
    if (event.type === "error") {
      throw new CliError("the instance could not answer", { why: event.message, fix: "see 'claw logs <instance>'" });
    }
  }
}

async function converse(context: Context, chat: Chat, output: "text" | "json"): Promise<void> {
  const { io } = context;
  const prompt = createInterface({ input: io.stdin, output: io.stderr, terminal: true });
  let open = true;
  prompt.once("close", () => {
    open = false;
  });
  prompt.setPrompt("> ");
  prompt.prompt();
  io.signal.addEventListener("abort", () => prompt.close(), { once: true });
  try {
    for await (const line of prompt) {
      if (line.trim() !== "") {
        await say(context, chat, line, output);
      }
      if (open) {
        prompt.prompt();
      }
    }
  } finally {
    prompt.close();
  }
}
