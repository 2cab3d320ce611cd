import { join } from "node:path";
import { startEmbeddedPostgres } from "../../adapters/postgres/embedded-postgres.ts";
import type { Environment } from "../config/environment.ts";

/** The embedded database is started where it does not run, and stopped again unless a service has taken it meanwhile. */
export async function withDatabase<T>(env: Environment, work: (ownerUrl: string) => Promise<T>): Promise<T> {
  if (env.databaseUrl !== undefined) {
    return work(env.databaseUrl);
  }
  const postgres = await startEmbeddedPostgres({
    dataDir: join(env.dataDir, "postgres"),
    toolsDir: join(env.dataDir, "tools"),
    log: () => {},
  });
  const isOurs = (await postgres.own()) === undefined;
  return work(postgres.url).finally(() => (isOurs ? postgres.stop() : undefined));
}
