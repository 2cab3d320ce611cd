import { Client } from "pg";
import { unreachable } from "./open-database.ts";

const OLDEST_MAJOR = 15;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Whether a database's owner could start the service. Nothing is changed.
 * @returns what it is, in words, and what has to be done first @throws {ClawError} `service.unavailable` when it does not let the owner in
 */
export async function probeOwner(url: string): Promise<{ readonly says: string; readonly missing: string | undefined }> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: "claw doctor" });
  await client.connect().catch((error: unknown) => {
    throw unreachable(url, error);
  });
  try {
    const { rows } = await client.query<{ version: string; major: number; user: string; makes: boolean; owns: boolean }>(
      `select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major, current_user as user,
              rolsuper or rolcreaterole as makes, rolsuper or pg_has_role(datdba, 'member') as owns
       from pg_roles, pg_database where rolname = current_user and datname = current_database()`,
    );
    const found = rows[0];
    const says = `PostgreSQL ${found?.version} at ${new URL(url).host}, as '${found?.user}'`;
    const missing = [
      ...((found?.major ?? 0) >= OLDEST_MAJOR ? [] : [`use PostgreSQL ${OLDEST_MAJOR} or newer`]),
      ...(found?.owns ? [] : ["make this user the database's owner (alter database … owner to …)"]),
      ...(found?.makes ? [] : ["let it make logins (alter role … with createrole)"]),
    ];
    return { says, missing: missing.length === 0 ? undefined : missing.join("; ") };
  } finally {
    await client.end();
  }
}
