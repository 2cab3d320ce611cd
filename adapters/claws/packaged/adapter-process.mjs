// Answers for an adapter that somebody's package exports. It imports nothing of ours: it may read that package, and nothing else.
import { pathToFileURL } from "node:url";

const METHODS = ["parseConfig", "validate", "injectRuntime"];
const { adapter } = await import(pathToFileURL(process.argv[2]).href);

function describe() {
  if (typeof adapter !== "object" || adapter === null) {
    throw new TypeError("it exports no 'adapter'");
  }
  const missing = METHODS.find((method) => typeof adapter[method] !== "function");
  if (missing) {
    throw new TypeError(`its 'adapter' has no '${missing}'`);
  }
  return Object.fromEntries(Object.entries(adapter).filter(([, value]) => typeof value !== "function"));
}

process.on("message", async ({ id, method, args }) => {
  try {
    const value = method === "describe" ? describe() : await adapter[method](...args);
    process.send({ id, value, rss: process.memoryUsage.rss() });
  } catch (error) {
    process.send({ id, error: String(error?.message ?? error).slice(0, 500) });
  }
});
process.on("disconnect", () => process.exit());
