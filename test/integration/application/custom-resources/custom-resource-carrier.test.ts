import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { describe, it, onTestFinished } from "vitest";
import type { ClusterConnection } from "../../../../service/application/ports/clusters/clusters.ts";
import type { Reads, Transactions } from "../../../../service/application/ports/transactions.ts";
import { startClusterParting } from "../../../../service/workers/cluster-parting.ts";
import { createCustomResourceCarrier } from "../../../../service/workers/custom-resource-carrier.ts";
import { PlayedCustomResources } from "../../../support/application/custom-resources.ts";
import { anApplication } from "../../../support/application.ts";
import { aClusterManifest } from "../../../support/builders/cluster.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { eventually } from "../../../support/service.ts";

const app = await anApplication();
await app.admin().clusters.create(aClusterManifest("here", { crds: true }));
await app.answers("here");
await app.admin().tenants.create(aTenant("acme", { allowLocal: true }));

/** It carries the resources of one cluster, which are played. */
function aCarrier(transactions: Transactions) {
  const { runtimes } = app.dependencies;
  const remote = new PlayedCustomResources();
  const connection = { customResources: () => remote } as unknown as ClusterConnection;
  const deps = {
    ...app.dependencies,
    transactions,
    runtimes: { at: (cluster: string) => ({ ...runtimes.at(cluster), connect: () => connection }) },
    refusals: { note: async () => undefined },
    log: pino({ level: "silent" }),
  };
  const carrier = createCustomResourceCarrier(deps);
  onTestFinished(async () => {
    await carrier.stop();
  });
  return { carrier, remote, startParting: () => startClusterParting(deps) };
}

describe("what looks after custom resources", () => {
  it("asks the database next to nothing while neither side is edited", async () => {
    const { transactions } = app.dependencies;
    let count = 0;
    const counting = ({ tenant, platform }: Reads): Reads => ({
      tenant: (id, work) => tenant(id, work).finally(() => count++),
      platform: (work) => platform(work).finally(() => count++),
    });
    const counted: Transactions = {
      ...counting({
        tenant: (id, work) => transactions.tenant(id, work),
        platform: (work) => transactions.platform(work),
      }),
      reads: counting(transactions.reads),
      dryRun: (work) => transactions.dryRun(work).finally(() => count++),
    };
    const { carrier, remote } = aCarrier(counted);
    const names = Array.from({ length: 20 }, (_, index) => `idle-${index}`);
    for (const name of names) {
      remote.apply({ kind: "ConfigTemplate", metadata: { name, namespace: "acme" }, spec: { adapter: "EchoAdapter" } });
    }
    carrier.keep([await transactions.platform((tx) => tx.clusters.get("here"))]);
    await eventually(
      async () => remote.list(),
      (items) => items.length === names.length && items.every(({ status }) => status["carried"] !== undefined),
    );
    // Looking at each of them once a second would be several times as many.
    await eventually(
      async () => {
        const before = count;
        await delay(2_000);
        return count - before;
      },
      (asked) => asked < names.length / 2,
    );
  });

  it("lets go of those of a cluster that is deleted, whoever dies meanwhile, and of no other's", async ({ expect }) => {
    const { transactions } = app.dependencies;
    const { carrier, remote, startParting } = aCarrier(transactions);
    const gone = aClusterManifest("gone", { crds: true });
    await app.admin().clusters.create(gone);
    await app.answers("gone");
    remote.apply({ kind: "ConfigTemplate", metadata: { name: "kept", namespace: "acme" }, spec: { adapter: "EchoAdapter" } });
    const heldBecomes = (held: boolean) =>
      eventually(
        async () => remote.get("ConfigTemplate", "kept", "acme"),
        (resource) => resource?.held === held,
      );
    const cluster = await transactions.platform((tx) => tx.clusters.get("gone"));
    carrier.keep([cluster]);
    await heldBecomes(true);
    // Another replica looks after it now.
    carrier.keep([]);
    await delay(200);
    await heldBecomes(true);

    carrier.keep([cluster]);
    // Both before the next look at which clusters there are.
    await app.admin().clusters.replace("gone", { ...gone, spec: { ...gone.spec, crds: false } });
    await app.admin().clusters.delete("gone");
    await delay(200);
    await heldBecomes(true);
    // The replica that carried them is gone; another starts.
    await carrier.stop();
    await heldBecomes(true);
    const another = startParting();
    onTestFinished(() => another.stop());
    await heldBecomes(false);

    const parted = async () => (await transactions.platform((tx) => tx.clusters.parted(10))).map(({ cluster: { name } }) => name);
    // Somebody may not know yet that it is deleted, and hold another.
    expect(await parted()).toEqual(["gone"]);
    await app.database.pool.query("update parted_clusters set deleted_at = now() - interval '31 seconds'");
    await eventually(parted, (names) => names.length === 0);
  });
});
