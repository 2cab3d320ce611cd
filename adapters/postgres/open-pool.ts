import { Pool } from "pg";
import { GatheringClient } from "./gathering-client.ts";

/** Connections for a process that runs stack operations: few, since it runs one at a time. */
export function openPool(url: string, connections: number): Pool {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    // What is asked for at once is on its way at once, in its order.
    pipeline: true,
    Client: GatheringClient,
    application_name: "claw stack worker",
    connectionTimeoutMillis: 10_000,
  });
  // A server that restarts ends idle connections: the next query opens another, and an error without a listener would end the process.
  pool.on("error", () => undefined);
  return pool;
}
