import type { ServerResponse } from "node:http";
import { type ApiProxy, startApiProxy } from "./api-proxy.ts";

export interface HangingProxy extends ApiProxy {
  /** How many requests wait for an answer that does not come. */
  readonly hanging: number;
  /** Breaks what hangs, and answers from now on. */
  release(): void;
}

/** A way to a cluster's API server that says how the cluster is, and leaves everything else without an answer until it is released. */
export async function startHangingProxy(kubeconfig: string): Promise<HangingProxy> {
  const hanging = new Set<ServerResponse>();
  let isReleased = false;
  const proxy = await startApiProxy(kubeconfig, (from, to, forward) => {
    if (isReleased || ["/version", "/api/v1/nodes"].includes(from.url ?? "")) {
      forward();
    } else {
      hanging.add(to);
      to.on("close", () => hanging.delete(to));
    }
  });
  return {
    ...proxy,
    get hanging() {
      return hanging.size;
    },
    release() {
      isReleased = true;
      for (const response of hanging) {
        response.destroy();
      }
    },
  };
}
