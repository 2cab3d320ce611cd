import { Pool } from "pg";
import { openEmbedded } from "./bench-engine.ts";
import { measure, type OperationName, operations, range } from "./bench-operations.ts";

/** One operation for a worker of `startWorkers`; it answers with its `Cost`. */
export interface Task {
  readonly operation: OperationName;
  readonly stack: string;
  readonly size: number;
}

// One of several workers at once, as the service has them: a process, an engine, one operation at a time.
const [databaseUrl = ""] = process.argv.slice(2);
const pool = new Pool({ connectionString: databaseUrl, max: 4 });
const engine = openEmbedded(pool);
await engine.preview("warm", range(10));
process.on("message", async ({ operation, stack, size }: Task) => {
  process.send?.(await measure(() => operations[operation](engine, stack, range(size), 0)));
});
process.on("disconnect", async () => {
  await engine.close();
  await pool.end();
});
process.send?.("warm");
