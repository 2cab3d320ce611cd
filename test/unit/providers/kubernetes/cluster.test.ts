import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, onTestFinished } from "vitest";
import { ApiClient } from "../../../../adapters/kubernetes/client/api-client.ts";
import { ClusterKinds } from "../../../../adapters/providers/kubernetes/cluster.ts";

describe("the schemas of a cluster", () => {
  it("are none yet of a kind that its index names before they are served, and are there once they are", async ({ expect }) => {
    const kind = { "x-kubernetes-group-version-kind": [{ group: "example.com", version: "v1", kind: "Claw" }] };
    const answers: Record<string, object | undefined> = {
      "/openapi/v3": { paths: { "apis/example.com/v1": { serverRelativeURL: "/openapi/v3/apis/example.com/v1?hash=1" } } },
    };
    const server = createServer((req, res) => {
      const body = answers[req.url ?? ""];
      res.writeHead(body ? 200 : 404).end(body ? JSON.stringify(body) : "404 page not found");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const client = new ApiClient({ server: `http://127.0.0.1:${port}`, namespace: "", options: async () => ({}) });
    onTestFinished(() => {
      client.close();
      server.close();
    });
    const kinds = new ClusterKinds(client);
    expect(await kinds.schemas("example.com/v1", "Claw")).toBeUndefined();
    answers["/openapi/v3/apis/example.com/v1"] = { components: { schemas: { Claw: kind } } };
    expect((await kinds.schemas("example.com/v1", "Claw"))?.byName).toEqual({ Claw: kind });
  });
});
