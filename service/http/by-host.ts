import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";

/** What answers what comes over a listener. */
export interface Served {
  routing(request: IncomingMessage, response: ServerResponse): void;
  readonly server: { emit(event: string, ...parts: unknown[]): boolean };
}

/** Two applications at one port: who asks for a host of the domain is served by the one, everybody else by the other, before anything else is looked at. */
export function byHost(domain: string, within: FastifyInstance, others: FastifyInstance): Served {
  const isWithin = ({ headers }: IncomingMessage) => headers.host?.toLowerCase().replace(/:\d+$/, "").endsWith(`.${domain}`) === true;
  const appOf = (request: IncomingMessage) => (isWithin(request) ? within : others);
  return {
    routing: (request, response) => appOf(request).routing(request, response),
    server: {
      emit: (event, ...parts) => (event === "upgrade" ? appOf(parts[0] as IncomingMessage) : others).server.emit(event, ...parts),
    },
  };
}
