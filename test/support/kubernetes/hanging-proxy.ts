import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { aKubeconfig } from "../builders/cluster.ts";

export interface HangingProxy extends AsyncDisposable {
  readonly kubeconfig: string;
  /** How many requests wait for an answer that does not come. */
  readonly hanging: number;
  /** Breaks what hangs, and answers from now on. */
  release(): void;
}

/** A way to a cluster's API server that says how the cluster is, and leaves everything else without an answer until it is released. */
export async function startHangingProxy(kubeconfig: string): Promise<HangingProxy> {
  const { clusters, users } = JSON.parse(kubeconfig);
  const { server: target, "certificate-authority-data": authority } = clusters[0].cluster;
  const ca = Buffer.from(authority, "base64").toString();
  const hanging = new Set<ServerResponse>();
  let isReleased = false;
  const forward = (from: IncomingMessage, to: ServerResponse) => {
    const call = request(`${target}${from.url}`, { method: from.method, headers: { ...from.headers, host: "" }, ca }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    call.on("error", () => to.destroy());
    to.on("close", () => call.destroy());
    from.pipe(call);
  };
  const proxy = createServer((from, to) => {
    if (isReleased || ["/version", "/api/v1/nodes"].includes(from.url ?? "")) {
      forward(from, to);
    } else {
      hanging.add(to);
      to.on("close", () => hanging.delete(to));
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    kubeconfig: aKubeconfig(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, users[0].user.token),
    get hanging() {
      return hanging.size;
    },
    release() {
      isReleased = true;
      for (const response of hanging) {
        response.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
