import { ClawError, LogItemSchema, parseJson } from "../../../sdk/contract/index.ts";
import type { AgentChannel } from "../../application/ports/instances/agents.ts";
import type { Outlet } from "./outlet.ts";

/** Relays a log. Resolves when nobody reads it any more. */
export async function serveLog(outlet: Outlet, channel: AgentChannel): Promise<void> {
  let sent: Promise<void> = Promise.resolve();
  channel.onData((data) => {
    sent = outlet.send(LogItemSchema.parse(parseJson(data)));
    return sent;
  });
  channel.onClose(async ({ error }) => {
    await sent;
    if (error === undefined) {
      await outlet.end();
    } else {
      outlet.fail(new ClawError("instance.unreachable", error));
    }
  });
  await outlet.closed;
  channel.close();
}
