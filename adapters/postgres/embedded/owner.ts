import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { connection, isAlive } from "./cluster.ts";

const OWNER = "claw owner";
const POLL_MS = 50;
const PATIENCE_MS = 10_000;

/**
 * Makes this process the owner of a server for as long as it lives. The server itself keeps the lock and gives it back however the
 * owner ends, so nothing can be left over, as a lock file or a process id in one would be.
 * @returns undefined, or the id of the process that is the owner already
 */
export async function ownServer(port: number, password: string): Promise<number | undefined> {
  const client = new Client({ ...connection(port, password), application_name: `${OWNER} ${process.pid}` });
  // The server drops the connection when it stops, which is when ownership ends.
  client.on("error", () => undefined);
  await client.connect();
  for (const deadline = Date.now() + PATIENCE_MS; ; await delay(POLL_MS)) {
    const { rows } = await client.query<{ owned: boolean }>(`select pg_try_advisory_lock(hashtextextended('${OWNER}', 0)) as owned`);
    if (rows[0]?.owned) {
      return undefined;
    }
    const holders = await client.query<{ pid: number }>(
      `select substring(application_name from '\\d+$')::int as pid from pg_stat_activity join pg_locks using (pid)
       where locktype = 'advisory' and granted and application_name ~ '^${OWNER} \\d+$'`,
    );
    const pid = holders.rows[0]?.pid;
    // The server notices a moment later that an owner was killed.
    if (pid !== undefined && (isAlive(pid) || Date.now() > deadline)) {
      await client.end();
      return pid;
    }
  }
}
