import { isIP } from "node:net";
import type { InstanceOrigins } from "../../application/instances/visits.ts";
import type { Environment } from "../../config/environment.ts";

/** Where instances' own origins are: as it was set, or where browsers of this host find it by themselves. */
export function instanceOriginsOf({ instanceOrigins, host }: Environment, url: string): InstanceOrigins | undefined {
  const { protocol, port } = new URL(url);
  const isOfThisHost = host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
  const pattern = instanceOrigins ?? (isOfThisHost ? `${protocol}//*.localhost:${port}` : undefined);
  const domain = pattern?.replace(/^.*?\*\./, "").replace(/:\d+$/, "");
  return pattern === undefined || domain === undefined ? undefined : { domain, urlOf: (label) => pattern.replace("*", label) };
}
