import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { aKubeconfig } from "../builders/cluster.ts";

export interface ApiProxy extends AsyncDisposable {
  readonly kubeconfig: string;
}

/** Hands a request on to the API server. @param told with its answer, before that is passed back; false keeps it */
export type Forward = (told?: () => boolean) => void;

/** A way to a cluster's API server on which somebody sits. @param handle what becomes of each request */
export async function startApiProxy(
  kubeconfig: string,
  handle: (from: IncomingMessage, to: ServerResponse, forward: Forward) => void,
): Promise<ApiProxy> {
  const { clusters, users } = JSON.parse(kubeconfig);
  const { server: target, "certificate-authority-data": authority } = clusters[0].cluster;
  const ca = Buffer.from(authority, "base64").toString();
  const proxy = createServer((from, to) => {
    handle(from, to, (told = () => true) => {
      const call = request(`${target}${from.url}`, { method: from.method, headers: { ...from.headers, host: "" }, ca }, (answer) => {
        if (!told()) {
          answer.resume();
          to.destroy();
          return;
        }
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(to);
      });
      call.on("error", () => to.destroy());
      to.on("close", () => call.destroy());
      from.pipe(call);
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    kubeconfig: aKubeconfig(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, users[0].user.token),
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
