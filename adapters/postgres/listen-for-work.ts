import { Client } from "pg";
import { WORK_CHANNEL } from "./work-channel.ts";

const CONNECT_TIMEOUT_MS = 10_000;
const AGAIN_MS = 1_000;

/**
 * Calls back whenever any replica has committed that something new is wanted of instances, on a connection of its own. While that is lost, and where a
 * pooler between lets nobody listen, work is found by those who look for it: later, never not at all.
 */
export function listenForWork(url: string, onWork: () => void): { close(): Promise<void> } {
  let closed = false;
  let client: Client | undefined;
  let again: NodeJS.Timeout | undefined;
  const connect = async () => {
    const fresh = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: "claw wake-ups" });
    client = fresh;
    fresh.on("error", () => undefined);
    fresh.on("notification", onWork);
    fresh.once("end", () => {
      if (!closed) {
        again = setTimeout(start, AGAIN_MS);
      }
    });
    await fresh.connect();
    await fresh.query(`listen ${WORK_CHANNEL}`);
    // What was told before.
    onWork();
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
