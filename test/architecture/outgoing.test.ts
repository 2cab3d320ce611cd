import { globSync, readFileSync } from "node:fs";
import { describe, it } from "vitest";

/**
 * Who connects to somewhere, and who says where. What a tenant says may lead to whatever the control plane can reach, a cloud's metadata or a
 * neighbour's database: a file that follows it must check the address that it connects to, when it does. None does today. The table in
 * docs/security.md says the same for readers.
 */
const OUTGOING: Readonly<Record<string, string>> = {
  "adapters/engine/deployment/assets.ts": "a Pulumi program; those that the service runs are its own, and declare no remote asset",
  "adapters/identity/jwt-identities.ts": "CLAW_ISSUERS, and the discovery document of a provider that it names",
  "adapters/identity/vault-exchange.ts": "CLAW_VAULT_ADDR; of a secret, a path below the tenant's own folder",
  "adapters/kubernetes/client/api-client.ts": "a platform administrator, by a cluster's kubeconfig; see reachable-address.ts",
  "adapters/kubernetes/exec.ts": "the same",
  "adapters/nats/jetstream-bus.ts": "CLAW_NATS_URL",
  "adapters/postgres/embedded-postgres.ts": "nobody: a server of its own, on the loopback",
  "adapters/postgres/embedded/cluster.ts": "the same",
  "adapters/postgres/embedded/owner.ts": "the same",
  "adapters/postgres/listen.ts": "CLAW_DATABASE_URL",
  "adapters/postgres/logins.ts": "the same",
  "adapters/postgres/open-pool.ts": "the same",
  "adapters/postgres/probe-owner.ts": "the same",
  "adapters/providers/clusterclaw/agent-client.ts": "nobody: a socket in the data folder",
  "adapters/providers/clusterclaw/archive-install.ts":
    "a platform administrator, by a claw type; what it leads to is looked at as a cluster's address is, each time; see reachable-address.ts",
  "adapters/providers/clusterclaw/npm-install.ts":
    "npm's settings of the service; packages and versions by name alone, which can't be a URL (PackageNameSchema, VersionSchema)",
  "adapters/relay/replica-relay.ts": "CLAW_REPLICA_URL of the other replicas, as they have written it to the database",
  "service/agent/channels/chat.ts": "nobody: its claw, on the loopback",
  "service/agent/channels/http.ts": "the same",
  "service/agent/channels/tcp.ts": "the same",
  "service/agent/openclaw-gateway.ts": "the same",
  "service/agent/pod/servers.ts": "the same",
  "service/agent/probe.ts": "the same",
  "service/agent/uplink.ts": "the control plane, or a platform administrator, by a cluster's agentUrl",
  "service/console/app/session.ts": "nobody: in a browser, the service that the page is of",
  "service/console/offline/worker.ts": "nobody: in a browser, the service that the page is of",
  "service/quickstart/main.ts": "nobody: the service that it started",
  "service/server/console-link.ts": "the data folder's own access file",
  "service/server/doctor.ts": "the data folder's own access file",
};

const CONNECTS =
  /\bfetch\(|\bnew (WebSocket|Client|Pool)\(|\b(connect|createConnection)\(\{|\bcreateConnection\(|\{[^}]*\b(request|get)\b[^}]*\} from "node:https?"|\b(spawn|execFile)\)?\("npm"|=> connect\(/;

describe("whoever connects to somewhere", () => {
  it("is known, and goes where no tenant says", ({ expect }) => {
    const files = globSync("{adapters,service,components,stacks}/**/*.ts").filter((file) => !file.startsWith("service/http/"));
    const found = files.filter((file) => CONNECTS.test(readFileSync(file, "utf8")));
    expect(found.sort()).toEqual(Object.keys(OUTGOING).sort());
  });

  it("takes packages by names and versions that can't be addresses", async ({ expect }) => {
    const { PackageNameSchema, VersionSchema } = await import("../../sdk/contract/index.ts");
    for (const text of ["http://169.254.169.254/x.tgz", "git+ssh://host/x", "file:../x", "a/b", "x@http://host", "npm:x@1"]) {
      expect([PackageNameSchema.safeParse(text).success, VersionSchema.safeParse(text).success]).toEqual([false, false]);
    }
  });
});
