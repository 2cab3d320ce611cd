import { openDatabase } from "../../adapters/postgres/open-database.ts";
import type { Claw } from "../../sdk/client/index.ts";
import { entryOf } from "../../service/domain/audit/chain.ts";
import { anEcho, aTenant } from "../support/builders/manifests.ts";
import { createEmptyDatabase, testSigner } from "../support/postgres.ts";
import { ownCpuSeconds, type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { setup } from "../support/services.ts";
import { type Figure, percentile, shown } from "./figure.ts";

const TRANSACTIONS = 500;
const WRITES = 200;
const POLICIES = 25;

/** What a write pays for being on record, and for policies. */
export async function bench(): Promise<Figure[]> {
  const stopServers = await setup();
  const database = await createEmptyDatabase();
  try {
    const service = await startServiceProcess({ CLAW_RATE_LIMITS: "off", CLAW_DATABASE_URL: database.url });
    try {
      await service.claw().tenants.create(aTenant("acme"));
      return [...(await records(database.url)), ...(await policies(service, service.claw("acme")))];
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await stopServers();
  }
}

/** A transaction of one small write, without a record and with one, in turn. */
async function records(url: string): Promise<Figure[]> {
  const { transactions, close } = await openDatabase({ url, connections: 2, signer: testSigner });
  try {
    const { id } = await transactions.platform((tx) => tx.tenants.get("acme"));
    const tookMs = { without: [] as number[], with: [] as number[] };
    const cpuMs = { without: 0, with: 0 };
    const write = async (key: string, how: keyof typeof tookMs) => {
      const before = [performance.now(), process.cpuUsage()] as const;
      await transactions.tenant(id, async (tx) => {
        await tx.idempotency.claim(`${key} ${how}`, "digest");
        if (how === "with") {
          tx.audit.append(entryOf({ time: new Date().toISOString(), by: { subject: "bench" }, action: "bench.write" }));
        }
      });
      tookMs[how].push(performance.now() - before[0]);
      const { user, system } = process.cpuUsage(before[1]);
      cpuMs[how] += (user + system) / 1000;
    };
    for (let n = 0; n < TRANSACTIONS; n++) {
      await write(`bench-${n}`, "without");
      await write(`bench-${n}`, "with");
    }
    const beyond = percentile(tookMs.with, 0.5) - percentile(tookMs.without, 0.5);
    return [
      shown("a transaction of one small write (median)", percentile(tookMs.without, 0.5), "ms"),
      shown("… with a record, beyond that", beyond, "ms"),
      shown("CPU of the service's part of a record", (cpuMs.with - cpuMs.without) / TRANSACTIONS, "ms"),
    ];
  } finally {
    await close();
  }
}

/** One instance that is written again and again, under no policies, under some and under twice as many: half of them ready rules, half expressions. */
async function policies(service: ServiceProcess, claw: Claw): Promise<Figure[]> {
  await claw.instances.create(anEcho("web", { running: false }));
  const figures: Figure[] = [];
  let made = 0;
  for (const count of [0, POLICIES, 2 * POLICIES]) {
    for (; made < count; made++) {
      const rule = { name: "allowed-types", value: "Echo" } as const;
      const says = made % 2 === 0 ? { rule } : { expression: `object.spec.replicas <= ${made} && object.metadata.name != 'no-${made}'` };
      const policy = { apiVersion: "clusterclaw.io/v1", kind: "Policy", metadata: { name: `policy-${made}` }, spec: says } as const;
      await claw.policies.create(policy);
    }
    const tookMs: number[] = [];
    const write = async (n: number) => {
      const startedMs = performance.now();
      await claw.instances.replace("web", anEcho("web", { running: false, deletionPolicy: n % 2 === 0 ? "delete" : "retain" }));
      tookMs.push(performance.now() - startedMs);
    };
    for (let n = 0; n < WRITES / 4; n++) {
      await write(n);
    }
    tookMs.splice(0);
    const cpu = () => ownCpuSeconds(service.pid);
    const before = await cpu();
    for (let n = 0; n < WRITES; n++) {
      await write(n);
    }
    figures.push(
      shown(`a write under ${count} policies (median)`, percentile(tookMs, 0.5), "ms"),
      shown(`CPU of a write under ${count} policies`, (((await cpu()) - before) * 1000) / WRITES, "ms"),
    );
  }
  return figures;
}
