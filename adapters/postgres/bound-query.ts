import { createHash } from "node:crypto";
import { type ClientBase, type Connection, Query, type QueryResult } from "pg";

/** As the driver has it at runtime: its types leave out what it gets by its events. */
interface Incoming {
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Connection): void;
}
const driver = Query.prototype as unknown as Incoming;

/** Who a statement is run as. */
export interface Binding {
  readonly role: "claw_platform" | "claw_app";
  /** Whose rows are seen; none's for the platform. */
  readonly tenant: string;
}

/** Statements that connections keep ready: what the service reads with is a fixed list, filters of lists aside. */
const KEPT_STATEMENTS = 300;
const ENTER = "claw enter";
const ENTERING = `select set_config('role', $1, true), set_config('claw.tenant_id', $2, true), set_config('transaction_read_only', 'on', true)`;
const kept = new Map<string, string>();

/**
 * One statement that reads, as a transaction of its own and with the rights of its binding, in one message: everything up to a Sync is one transaction for the
 * server, and a setting that is local ends with it.
 * Source: PostgreSQL's "Extended Query" message flow.
 */
class BoundQuery extends Query {
  readonly #binding: Binding;
  #entered = false;

  constructor(binding: Binding, text: string, values: unknown[], done: (error: Error | null, result: QueryResult) => void) {
    // The driver's types know no callback here.
    super({ name: nameOf(binding, text), text, values } as never, done as never);
    this.#binding = binding;
    this.submit = (connection) => this.#submit(connection);
  }

  #submit(connection: Connection): unknown {
    const { stream } = connection;
    stream.cork();
    try {
      const { role, tenant } = this.#binding;
      connection.bind({ statement: ENTER, values: [role, tenant] } as never, true);
      connection.execute({} as never, true);
      return Query.prototype.submit.call(this, connection);
    } finally {
      stream.uncork();
    }
  }

  /** What comes before the first statement is complete is the answer of entering. */
  handleDataRow(message: unknown): void {
    if (this.#entered) {
      driver.handleDataRow.call(this, message);
    }
  }

  handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#entered) {
      driver.handleCommandComplete.call(this, message, connection);
    }
    this.#entered = true;
  }
}

const ready = new WeakSet<ClientBase>();

/** Reads with the rights of a binding. What it writes is refused by the server. */
export function readBound(client: ClientBase, binding: Binding, text: string, values: readonly unknown[] = []): Promise<QueryResult> {
  if (!ready.has(client)) {
    ready.add(client);
    // It fails with the connection alone, and then so does what is read over it.
    client.query({ name: ENTER, text: ENTERING, values: ["none", ""] }).catch(() => undefined);
  }
  return new Promise((resolve, reject) => {
    client.query(new BoundQuery(binding, text, [...values], (error, result) => (error ? reject(error) : resolve(result))));
  });
}

/** A plan is made for a role: a name holds it. */
function nameOf({ role }: Binding, text: string): string | undefined {
  const known = kept.get(text);
  if (known === undefined && kept.size >= KEPT_STATEMENTS) {
    return undefined;
  }
  const name = known ?? createHash("sha256").update(text).digest("base64url").slice(0, 24);
  kept.set(text, name);
  return `${role} ${name}`;
}
