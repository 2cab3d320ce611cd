// Loaded into the service by `NODE_OPTIONS=--import`: at each SIGUSR1 it collects its garbage, and writes down how many bytes it holds then.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const dataDir = process.env["CLAW_DATA_DIR"];
if (dataDir !== undefined && /service\/main\.ts$/.test(process.argv[1] ?? "")) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  process.on("SIGUSR1", () => {
    collect();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    writeFileSync(join(dataDir, "held.json"), `${heapUsed + external}`);
  });
}
