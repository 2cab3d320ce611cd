import type { Claw } from "../../sdk/client/index.ts";
import { aClusterManifest } from "./builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "./builders/manifests.ts";
import {
  aClawType,
  aPolicy,
  aRole,
  aRoleBinding,
  aRollout,
  aSecret,
  aServiceAccount,
  aSetOfValues,
  type Populated,
  ROLLOUTS,
} from "./sample-requests.ts";
import { eventually, type TestService } from "./service.ts";

export interface PopulatedTenant extends Omit<Populated, "plan"> {
  /** Of each that has one, by its name. */
  readonly uids: Readonly<Record<string, string>>;
}

/** Makes a tenant, and a cluster, that have one of everything. */
export async function populateTenant(service: Pick<TestService, "claw">, tenant: string): Promise<PopulatedTenant> {
  const admin = service.claw();
  const own = await admin.tenants.create(aTenant(tenant, { allowLocal: true, consoles: { record: true } }));
  await admin.clusters.create(aClusterManifest("spare"));
  const claw = service.claw(tenant);
  const project = await claw.projects.create({ apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "web" } });
  const config = await claw.configs.create(aTemplate("base"));
  await claw.configs.publish("base");
  const policy = await claw.policies.create(aPolicy("small"));
  const values = await claw.values.create(aSetOfValues("shared", [{ key: "environment.TZ", value: "UTC" }]));
  const secret = await claw.secrets.create(aSecret("key"));
  const clawType = await claw.clawTypes.create(aClawType("weather"));
  const role = await claw.roles.create(aRole("reader"));
  const binding = await claw.roleBindings.create(aRoleBinding("readers"));
  const account = await claw.serviceAccounts.create(aServiceAccount("robot"));
  const token = await claw.tokens.create({ name: "first", serviceAccount: "robot" });
  const instance = await claw.instances.create(anEcho("keeper"));
  await eventually(
    () => claw.instances.get("keeper"),
    ({ status, metadata }) => status.phase === "Running" && status.observedGeneration === metadata.generation,
  );
  (await claw.instances.terminal("keeper", { cols: 80, rows: 24 })).close();
  // Both are put on record behind the terminal's back.
  const [recorded] = await eventually(
    async () => [
      ...(await claw.recordings.list()).items,
      ...(await claw.audit.list({ action: "instance.console-end" })).items.map(() => undefined),
    ],
    (items) => items.length === 2 && items[0]?.endedAt !== undefined,
  );
  await admin.tenants.replace(tenant, aTenant(tenant, { allowLocal: true }));
  const rollouts = await populateRollouts(claw);
  return {
    tenant,
    ...{ instance: "keeper", config: "base", project: "web", cluster: "spare" },
    ...{
      policy: "small",
      values: "shared",
      secret: "key",
      clawType: "weather",
      role: "reader",
      roleBinding: "readers",
      serviceAccount: "robot",
      token: token.id,
      recording: recorded?.id ?? "",
    },
    state: await admin.stacks.export(tenant),
    uids: {
      keeper: instance.metadata.uid,
      base: config.metadata.uid,
      web: project.metadata.uid,
      small: policy.metadata.uid,
      shared: values.metadata.uid,
      key: secret.metadata.uid,
      weather: clawType.metadata.uid,
      reader: role.metadata.uid,
      readers: binding.metadata.uid,
      robot: account.metadata.uid,
      [tenant]: own.metadata.uid,
      ...rollouts,
    },
  };
}

/** One in each phase in which nothing happens by itself, of an instance that is stopped. */
async function populateRollouts(claw: Claw): Promise<Record<string, string>> {
  const uids: Record<string, string> = {};
  await claw.configs.create(aTemplate("rolling"));
  await claw.configs.publish("rolling");
  await claw.configs.replace("rolling", aTemplate("rolling", { variables: [{ name: "reply.prefix", type: "string", default: "next " }] }));
  await claw.configs.publish("rolling", { hold: true });
  for (const name of ROLLOUTS) {
    await claw.instances.create(anEcho(`idle-${name}`, { running: false, config: { template: "rolling" } }, { labels: { rolls: name } }));
    const rollout = await claw.rollouts.create(aRollout(name));
    uids[name] = rollout.metadata.uid;
    await eventually(
      () => claw.rollouts.get(name),
      ({ status }) => status.phase === "AwaitingApproval",
    );
  }
  await claw.rollouts.pause("halted");
  await claw.rollouts.abort("over");
  return uids;
}
