import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, onTestFinished } from "vitest";
import { z } from "zod";
import { ApiClient } from "../../../../adapters/kubernetes/client/api-client.ts";
import { UnreachableError } from "../../../../adapters/kubernetes/client/api-errors.ts";
import { garbageFor } from "../../../support/garbage.ts";

/** A cluster whose server answers everything with this. */
async function aClusterThatSays(body: string | Buffer): Promise<ApiClient> {
  const server = createServer((_req, res) => void res.end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo;
  const client = new ApiClient({ server: `http://127.0.0.1:${address.port}`, namespace: "", options: async () => ({}) });
  onTestFinished(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

async function watch(client: ApiClient): Promise<void> {
  for await (const _ of client.watch({ path: "/api/v1/pods", signal: new AbortController().signal })) {
    // What comes is of no interest here.
  }
}

const event = z.object({ type: z.string(), object: z.object({ metadata: z.object({}) }) });
const garbage = garbageFor(event).filter((line) => line.length > 0 && !isEvent(line));

function isEvent(line: string | Buffer): boolean {
  try {
    const { type, object } = JSON.parse(String(line));
    return typeof type === "string" && typeof object === "object" && object !== null && !Array.isArray(object);
  } catch {
    return false;
  }
}

describe("a watch of a cluster", () => {
  it("ends as one that can't be reached, whatever the server says", async ({ expect }) => {
    for (const line of garbage) {
      await expect(watch(await aClusterThatSays(line)), String(line).slice(0, 200)).rejects.toBeInstanceOf(UnreachableError);
    }
  });

  it("gives up a line without end", async ({ expect }) => {
    await expect(watch(await aClusterThatSays("x".repeat(9 * 2 ** 20)))).rejects.toThrow("a line of /api/v1/pods is longer than");
  });
});

describe("a request of a cluster", () => {
  it.for(["{", "[]", "null", "1", '"text"'])("says that what is answered is none: %s", async (body, { expect }) => {
    await expect((await aClusterThatSays(body)).request({ path: "/api/v1/pods" })).rejects.toThrow(
      "what /api/v1/pods answers is no JSON object",
    );
  });
});
