import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports that systems give to outgoing connections and to servers that ask for any, and below those of instances. */
const PORTS = [10_000, 19_000] as const;
const TRIES = 100;

/** A TCP port of this machine that nobody listens on now, and that nobody gets by chance. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(...PORTS);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error(`none of ${TRIES} ports from ${PORTS[0]} on is free`);
}
