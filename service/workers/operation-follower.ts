import type { Logger } from "pino";
import { type InstanceId, type InstanceOperation, newId, OPERATIONS_MAX, type TenantId } from "../../sdk/contract/index.ts";
import type { OnProgress } from "../application/ports/stacks/stack-operations.ts";
import type { Transactions } from "../application/ports/transactions.ts";
import { type KeptOperation, withEnd, withProgress } from "../domain/instances/operation.ts";

/** Often enough that nobody takes its runner for dead. */
const SIGN_OF_LIFE_MS = 8_000;

interface Dependencies {
  readonly transactions: Pick<Transactions, "tenant">;
  readonly clock: () => Date;
  readonly log: Logger;
}

/** An instance that an operation is for. */
export interface Followed {
  readonly id: InstanceId;
  readonly name: string;
  readonly generation: number;
  readonly kind: InstanceOperation["kind"];
}

export type OperationEnd = Exclude<InstanceOperation["state"], "running">;

/**
 * Writes down how an operation comes along, for each of its instances. It is for those who look on: what can't be written is missed by them, and
 * is nothing to the operation.
 */
export function followOperation(tenantId: TenantId, instances: readonly Followed[], { transactions, clock, log }: Dependencies) {
  const current = new Map<string, KeptOperation>();
  const news = new Set<string>();
  let isTrimmed = false;
  let writing = Promise.resolve();
  let signs: NodeJS.Timeout | undefined;

  /** One write after another; what has happened meanwhile goes with the next. */
  const write = (names: Iterable<string>) => {
    for (const name of names) {
      news.add(name);
    }
    writing = writing
      .then(async () => {
        const changed = [...news].flatMap((name) => current.get(name) ?? []);
        news.clear();
        if (changed.length === 0) {
          return;
        }
        await transactions.tenant(tenantId, async ({ operations }) => {
          await operations.write(changed);
          if (!isTrimmed) {
            const ids = instances.map(({ id }) => id);
            await operations.trim(ids, OPERATIONS_MAX);
          }
        });
        isTrimmed = true;
      })
      .catch((err: unknown) => log.warn({ err, tenantId }, "how an operation comes along was not written down"));
  };

  const begin = () => {
    const startedAt = clock().toISOString();
    for (const { id: instance, name, generation, kind } of instances) {
      current.set(name, { id: newId("opn"), instance, kind, generation, state: "running", startedAt, resources: [] });
    }
    signs = setInterval(() => write(current.keys()), SIGN_OF_LIFE_MS);
    write(current.keys());
  };

  const onProgress: OnProgress = (told) => {
    if (current.size === 0) {
      begin();
    }
    const byInstance = Map.groupBy(told, ({ instance }) => instance);
    for (const [name, said] of byInstance) {
      const operation = current.get(name);
      if (operation) {
        const resources = said.map(({ instance: _own, ...resource }) => resource);
        current.set(name, withProgress(operation, resources));
      }
    }
    write(byInstance.keys());
  };

  return {
    onProgress,
    /** @param endOf how it ended for an instance; undefined where its stack was somebody else's */
    async end(endOf: (name: string) => OperationEnd | undefined): Promise<void> {
      if (current.size === 0 && instances.some(({ name }) => endOf(name))) {
        begin();
      }
      clearInterval(signs);
      const now = clock().toISOString();
      for (const [name, operation] of current) {
        current.set(name, withEnd(operation, endOf(name) ?? "interrupted", now));
      }
      write(current.keys());
      await writing;
    },
  };
}
