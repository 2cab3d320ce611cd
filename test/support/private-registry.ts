import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const UPSTREAM = process.env["npm_config_registry"] ?? process.env["NPM_CONFIG_REGISTRY"] ?? "https://registry.npmjs.org/";

/** An npm registry that lets nobody in without a token, in front of the one that tests use. */
export async function startPrivateRegistry(
  token: string,
): Promise<{ readonly url: string; readonly refused: () => number; close(): void }> {
  let refused = 0;
  const server = createServer(async (req, res) => {
    if (req.headers.authorization !== `Bearer ${token}`) {
      refused++;
      res.writeHead(401).end("{}");
      return;
    }
    try {
      const answer = await fetch(new URL((req.url ?? "/").slice(1), UPSTREAM), { headers: { accept: req.headers.accept ?? "*/*" } });
      const type = answer.headers.get("content-type") ?? "application/octet-stream";
      res.writeHead(answer.status, { "content-type": type }).end(Buffer.from(await answer.arrayBuffer()));
    } catch {
      res.writeHead(502).end("{}");
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    refused: () => refused,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
