import { Client } from "pg";
import type { InstanceId, TenantId } from "../../sdk/contract/index.ts";
import { AGENT_CHANNEL, CHANGE_CHANNEL, WORK_CHANNEL } from "./channels.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const AGAIN_MS = 1_000;

interface Listener {
  /** Something new is wanted of instances. */
  onWork(): void;
  /** An instance is another than it was, or gone. */
  onChange(tenantId: TenantId, id: InstanceId): void;
  /** An agent has come with a newer token. */
  onAgent(id: InstanceId): void;
  /** It is listened from now on: what was told before may not have been heard. */
  onBegin(): void;
}

/**
 * Calls back whenever any replica has committed a change, on a connection of its own. While that is lost, and where a pooler between lets nobody listen,
 * whoever waits for it looks by themselves: later, never not at all.
 */
export function listen(url: string, { onWork, onChange, onAgent, onBegin }: Listener): { close(): Promise<void> } {
  let closed = false;
  let client: Client | undefined;
  let again: NodeJS.Timeout | undefined;
  const connect = async () => {
    const fresh = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: "claw wake-ups" });
    client = fresh;
    fresh.on("error", () => undefined);
    fresh.on("notification", ({ channel, payload = "" }) => {
      if (channel === WORK_CHANNEL) {
        onWork();
      } else if (channel === AGENT_CHANNEL) {
        onAgent(payload as InstanceId);
      } else {
        const [tenantId, id] = payload.split(" ");
        onChange(tenantId as TenantId, id as InstanceId);
      }
    });
    fresh.once("end", () => {
      if (!closed) {
        again = setTimeout(start, AGAIN_MS);
      }
    });
    await fresh.connect();
    await fresh.query(`listen ${WORK_CHANNEL}`);
    await fresh.query(`listen ${CHANGE_CHANNEL}`);
    await fresh.query(`listen ${AGENT_CHANNEL}`);
    onBegin();
  };
  const start = () => void connect().catch(() => client?.end().catch(() => undefined));
  start();
  return {
    async close() {
      closed = true;
      clearTimeout(again);
      await client?.end().catch(() => undefined);
    },
  };
}
