import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 2_000;

/** Stands in for Telegram's API: it knows one bot, and says of any other what Telegram says of a wrong token. */
export async function startTelegram(token: string): Promise<{ readonly url: string; close(): void }> {
  const answers: Readonly<Record<string, unknown>> = {
    getMe: { id: 1, is_bot: true, first_name: "A bot", username: "a_bot" },
    getWebhookInfo: { url: "", pending_update_count: 0 },
    getUpdates: [],
  };
  const server = createServer(async (req, res) => {
    req.resume();
    const [, bot, method = ""] = /^\/bot([^/]+)\/(\w+)/.exec(req.url ?? "") ?? [];
    if (method === "getUpdates") {
      await delay(POLL_MS);
    }
    const isKnown = bot === token;
    const answer = isKnown ? { ok: true, result: answers[method] ?? true } : { ok: false, error_code: 401, description: "Unauthorized" };
    res.writeHead(isKnown ? 200 : 401, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
