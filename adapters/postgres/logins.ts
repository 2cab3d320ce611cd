import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { Client, escapeIdentifier, escapeLiteral } from "pg";
import { errorCodeOf } from "./errors.ts";
import { unusable } from "./open-database.ts";

/** What each part connects with: URLs with passwords. */
export interface Logins {
  readonly service: string;
  readonly worker: string;
}

/** The roles that a login may enter. What a worker runs needs nothing of the platform's, and the service nothing of the CLI's. */
const ROLES = { service: ["claw_app", "claw_platform"], worker: ["claw_app", "claw_cli"] } as const;
const SCRAM_ITERATIONS = 4096;

/**
 * Makes what the service and its workers connect with: logins of this database alone, that own nothing, inherit nothing and can only enter
 * their roles. Logins are of the whole server, so their names hold the database's number. Replicas get the same ones.
 * @param ownerUrl what migrations ran with @param derive makes a password that is the same at every replica and start
 * @throws {ClawError} `service.unavailable` with what to do when they can't be made, or can do more than they are to
 */
export async function makeLogins(ownerUrl: string, derive: (purpose: string) => string): Promise<Logins> {
  const owner = new Client({ connectionString: ownerUrl, application_name: "claw logins" });
  await owner.connect();
  try {
    await owner.query(`select pg_advisory_lock(hashtextextended('claw migrations', 0))`);
    const make = async (part: keyof Logins) => {
      const name = await nameOf(owner, part);
      const url = urlOf(ownerUrl, name, derive(`database-login ${part}`));
      await makeLogin(owner, name, url, ROLES[part]).catch((error: unknown) => {
        throw errorCodeOf(error) === "42501" ? unusable(ownerUrl, MAY_NOT_MAKE, error) : error;
      });
      await assertPlain(url, name, ROLES[part]);
      return url;
    };
    return { service: await make("service"), worker: await make("worker") };
  } finally {
    await owner.end();
  }
}

const MAY_NOT_MAKE =
  "its user may not make the logins that the service runs with: as an administrator `alter role` it with `createrole`, " +
  "and `grant claw_app, claw_platform, claw_cli` to it `with admin option`";

async function nameOf(owner: Client, part: string): Promise<string> {
  const { rows } = await owner.query<{ oid: string }>(`select oid from pg_database where datname = current_database()`);
  return `claw_${part}_${rows[0]?.oid}`;
}

async function makeLogin(owner: Client, name: string, url: string, roles: readonly string[]): Promise<void> {
  const role = escapeIdentifier(name);
  const password = escapeLiteral(scramVerifier(decodeURIComponent(new URL(url).password)));
  if ((await owner.query(`select from pg_roles where rolname = $1`, [name])).rowCount === 0) {
    await owner.query(`create role ${role} login noinherit password ${password}`);
  } else if (await isWrongPassword(url)) {
    await owner.query(`alter role ${role} password ${password}`);
  }
  for (const granted of roles) {
    const member = await owner.query<{ is: boolean }>(`select pg_has_role($1, $2, 'member') as is`, [name, granted]);
    if (!member.rows[0]?.is) {
      await owner.query(`grant ${granted} to ${role}`);
    }
  }
  const { rows } = await owner.query<{ database: string }>(`select current_database() as database`);
  const database = escapeIdentifier(rows[0]?.database ?? "");
  // Whoever may connect may make temporary tables, where nobody says otherwise.
  await owner.query(`grant connect on database ${database} to ${role}; revoke temporary on database ${database} from public`);
}

async function isWrongPassword(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  try {
    await client.connect();
    return false;
  } catch (error) {
    if (errorCodeOf(error) === "28P01") {
      return true;
    }
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** As the login itself sees it: a server may give logins more than they were made with. */
async function assertPlain(url: string, name: string, roles: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url, application_name: "claw logins" });
  await client.connect().catch((error: unknown) => {
    throw errorCodeOf(error) === "28000" || errorCodeOf(error) === "28P01"
      ? unusable(url, `it does not let '${name}' in, which the service made for itself: allow it in pg_hba.conf, with a password`, error)
      : error;
  });
  try {
    const reach = await client.query<{ name: string; strong: boolean }>(
      `select rolname as name, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as strong
       from pg_roles where pg_has_role(oid, 'member') and rolname <> all($1)
         or rolname = any($1) and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)
       order by 1`,
      [[name, ...roles]],
    );
    const own = await client.query<{ inherits: boolean; owns: boolean; is: string }>(
      `select session_user as is, pg_has_role('claw_app', 'usage') as inherits,
              exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = session_user::regrole and deptype = 'o') as owns`,
    );
    const faults = [
      ...reach.rows.map((role) => (role.strong ? `'${role.name}' has rights of an administrator` : `it may enter '${role.name}' too`)),
      ...(own.rows[0]?.inherits ? ["it has the rights of its roles without entering them"] : []),
      ...(own.rows[0]?.owns ? ["it owns objects"] : []),
      ...(own.rows[0]?.is === name ? [] : [`the server takes it for '${own.rows[0]?.is}'`]),
    ];
    if (faults.length > 0) {
      throw unusable(
        url,
        `the login '${name}' can do more than it is to: ${faults.join(", ")}; take that from it, or drop it to have it made anew`,
      );
    }
  } finally {
    await client.end();
  }
}

function urlOf(ownerUrl: string, name: string, password: string): string {
  const url = new URL(ownerUrl);
  // They would win over what stands before the host.
  url.searchParams.delete("user");
  url.searchParams.delete("password");
  url.username = name;
  url.password = password;
  return url.href;
}

/** What the server keeps of a password, made here: a statement with the password itself could stand in the server's log. */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, SCRAM_ITERATIONS, 32, "sha256");
  const keyOf = (label: string) => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${SCRAM_ITERATIONS}:${salt.toString("base64")}$${storedKey}:${keyOf("Server Key").toString("base64")}`;
}
