import type { Drift } from "../../contract/index.ts";
import { formatAge } from "./age.ts";
import type { Printer } from "./printer.ts";

/** One resource that is not as declared: who did what, then each property, declared → actual. */
export async function writeDrift(out: Pick<Printer, "line" | "paint">, drift: Drift): Promise<void> {
  const who = drift.manager === undefined ? "" : ` by ${drift.manager} ${formatAge(drift.time ?? drift.detectedAt)} ago`;
  await out.line(`  ${drift.resource} was ${drift.op}${who}`);
  for (const { path, before = "-", after = "-" } of drift.diffs) {
    await out.line(`    ${path}: ${out.paint("green", before)} → ${out.paint("red", after)}`);
  }
  if (drift.notAdopted !== undefined) {
    await out.line(`    not adopted: ${drift.notAdopted}`);
  }
}
