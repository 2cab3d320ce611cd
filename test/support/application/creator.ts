import { createInterface } from "node:readline";
import { openDatabase } from "../../../adapters/postgres/open-database.ts";
import { anApplicationOn } from "../application.ts";
import { anEcho } from "../builders/manifests.ts";
import { testSigner } from "../postgres.ts";

/** What a line of the process's input asks for. */
export interface Creations {
  readonly tenant: string;
  readonly prefix: string;
  readonly count: number;
  readonly metadata: object;
}

/** A process that creates instances, all of a line at once, and says by line how often each code came of it. */
const [url = ""] = process.argv.slice(2);
const database = await openDatabase({ url, connections: 20, signer: testSigner });
const application = anApplicationOn({ ...database, url, drop: async () => {} }, new Uint8Array(32));
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const { tenant, prefix, count, metadata } = JSON.parse(line) as Creations;
  const claw = application.as({ tenant });
  const codes: Record<string, number> = {};
  const made = Array.from({ length: count }, async (_, index) => {
    const manifest = anEcho(`${prefix}-${index}`, {}, metadata);
    const code = await claw.instances.create(manifest).then(
      () => "created",
      (error: { code?: string; message: string }) => error.code ?? error.message,
    );
    codes[code] = (codes[code] ?? 0) + 1;
  });
  await Promise.all(made);
  process.stdout.write(`${JSON.stringify(codes)}\n`);
}
await database.close();
process.exit(0);
