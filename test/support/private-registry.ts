import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const UPSTREAM = process.env["npm_config_registry"] ?? process.env["NPM_CONFIG_REGISTRY"] ?? "https://registry.npmjs.org/";

/** An npm registry that lets nobody in without a token, in front of the one that tests use, archives too. */
export async function startPrivateRegistry(
  token: string,
  { host = "127.0.0.1" }: { readonly host?: string } = {},
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
      const body = Buffer.from(await answer.arrayBuffer());
      res
        .writeHead(answer.status, { "content-type": type })
        .end(type.includes("json") ? body.toString().replaceAll(UPSTREAM, url()) : body);
    } catch {
      res.writeHead(502).end("{}");
    }
  });
  const url = () => `http://${host}:${(server.address() as AddressInfo).port}/`;
  server.listen(0, host);
  await once(server, "listening");
  return {
    url: url(),
    refused: () => refused,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
