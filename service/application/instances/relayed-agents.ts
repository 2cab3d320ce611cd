import type { InstanceId } from "../../../sdk/contract/index.ts";
import type { Agents } from "../ports/instances/agents.ts";
import type { Relay } from "../ports/instances/relay.ts";

/** The agents of every replica: one that is not connected here is asked for at the others. What agents report is each replica's own. */
export function relayedAgents(here: Agents, relay: Relay): Agents {
  return {
    ...here,
    async open(id, open) {
      if (here.status(id) === undefined) {
        const channel = await relay.open(id as InstanceId, open);
        if (channel) {
          return channel;
        }
      }
      // It may have come meanwhile; if not, this says why nobody can be talked to.
      return here.open(id, open);
    },
  };
}
