import type { Count, CounterRepository } from "../../../service/application/ports/limits/counter-repository.ts";
import type { Scope } from "../session.ts";

export class PostgresCounterRepository implements CounterRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async add(window: number, counts: readonly Count[]): Promise<readonly number[]> {
    // In the order of keys: two replicas that add to the same ones would wait for each other otherwise.
    const rows = await this.#scope.run((manager) =>
      manager.query<{ key: string; count: number }[]>(
        `insert into request_counters (window_start, key, count)
         select $1, key, count from unnest($2::text[], $3::int[]) as c (key, count) order by key
         on conflict (window_start, key) do update set count = request_counters.count + excluded.count
         returning key, count`,
        [window, counts.map(({ key }) => key), counts.map(({ count }) => count)],
      ),
    );
    const totals = new Map(rows.map(({ key, count }) => [key, count]));
    return counts.map(({ key, count }) => totals.get(key) ?? count);
  }

  async removeBefore(window: number): Promise<void> {
    await this.#scope.run((manager) => manager.query(`delete from request_counters where window_start < $1`, [window]));
  }
}
