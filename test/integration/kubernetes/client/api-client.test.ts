import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { describe, it, onTestFinished } from "vitest";
import { ApiClient } from "../../../../adapters/kubernetes/client/api-client.ts";

/** A client of a server that gives these answers, one after another. */
async function answering(...answers: readonly string[]) {
  const left = [...answers];
  const server = createServer((_request, response) => response.end(left.shift())).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { client: clientOf(server), left };
}

function clientOf(server: Server): ApiClient {
  const client = new ApiClient({
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: "default",
    options: async () => ({}),
  });
  onTestFinished(() => {
    client.close();
    server.close();
  });
  return client;
}

describe("a request to the API server", () => {
  it("is sent again when a read is answered with nothing, as schemas are that are just being made", async ({ expect }) => {
    const { client } = await answering("", "", '{"kind":"List"}');
    expect(await client.request({ path: "/openapi/v3" })).toEqual({ kind: "List" });
  });

  it("is not sent again when it writes", async ({ expect }) => {
    const { client, left } = await answering("", '{"kind":"Pod"}');
    await expect(client.request({ method: "PATCH", path: "/api/v1/namespaces/a/pods/b", body: {} })).rejects.toThrow();
    expect(left).toHaveLength(1);
  });

  it("is sent again over another connection when the kept one was just closed", async ({ expect }) => {
    const served = new WeakSet<Socket>();
    const server = createServer(({ socket }, response) => {
      // As with an idle connection whose time is up at this moment.
      served.has(socket) ? socket.resetAndDestroy() : served.add(socket) && response.end('{"kind":"Pod"}');
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = clientOf(server);
    for (const method of ["GET", "PATCH"] as const) {
      expect(await client.request({ method, path: "/api/v1/namespaces/a/pods/b" })).toEqual({ kind: "Pod" });
    }
  });
});
