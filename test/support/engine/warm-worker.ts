import { Pool } from "pg";
import { openEmbedded } from "./bench-engine.ts";

// Does what a worker does all day, then prints how much memory it holds: after changes of one instance, and after a whole stack.
const [databaseUrl = "", stack = ""] = process.argv.slice(2);
const pool = new Pool({ connectionString: databaseUrl, max: 4 });
const engine = openEmbedded(pool);
for (let version = 0; version < 50; version++) {
  await engine.change(stack, version, 100 + version);
  if (version % 10 === 9) {
    globalThis.gc?.();
  }
}
const afterChanges = process.memoryUsage.rss();
await engine.preview(
  "full-100",
  Array.from({ length: 100 }, (_, index) => index),
);
process.stdout.write(`${afterChanges} ${process.memoryUsage.rss()}\n`);
await engine.close();
await pool.end();
