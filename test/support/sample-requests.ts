import {
  type ClawTypeInput,
  type ConfigValuesInput,
  type JsonValue,
  type Permission,
  type PolicyInput,
  type RolloutInput,
  RolloutInputSchema,
  type RouteId,
  type SecretInput,
} from "../../sdk/contract/index.ts";
import { aClusterManifest } from "./builders/cluster.ts";
import { anEcho, aTemplate, aTenant } from "./builders/manifests.ts";

/** What {@link sampleRequests} are about: names of what a tenant has, and the plan of a preview in it. */
export interface Populated {
  readonly tenant: string;
  readonly instance: string;
  readonly config: string;
  readonly project: string;
  readonly cluster: string;
  readonly policy: string;
  readonly values: string;
  readonly secret: string;
  readonly clawType: string;
  readonly role: string;
  readonly roleBinding: string;
  readonly serviceAccount: string;
  /** Its id. */
  readonly token: string;
  /** Its id. */
  readonly recording: string;
  readonly plan: string;
  /** Of its stack. */
  readonly state: unknown;
}

export interface SampleRequest {
  readonly id?: string;
  readonly body?: unknown;
  readonly query?: string;
}

const API_VERSION = "clusterclaw.io/v1" as const;

/** Takes what was made for one person's sign-in, or who has signed in in a certain way: a sample of it is refused. */
export const OF_ONE_SIGN_IN: ReadonlySet<RouteId> = new Set<RouteId>(["access.retireAdministrator", "sessions.refresh", "sessions.end"]);

export function aRole(name: string, permissions: Permission[] = ["instances.read"]) {
  return { apiVersion: API_VERSION, kind: "Role" as const, metadata: { name }, spec: { permissions } };
}

export function aRoleBinding(name: string, role = "viewer") {
  const subjects = [{ kind: "User" as const, name: "alice@example.com" }];
  return { apiVersion: API_VERSION, kind: "RoleBinding" as const, metadata: { name }, spec: { role, subjects } };
}

export function aPolicy(name: string, spec: Partial<PolicyInput["spec"]> = {}) {
  const rule = { name: "max-replicas" as const, value: "2" };
  return {
    apiVersion: API_VERSION,
    kind: "Policy" as const,
    metadata: { name },
    spec: { ...(spec.expression === undefined && { rule }), ...spec },
  };
}

/** Of the tenant as a whole, unless it is said where. */
export function aSetOfValues(
  name: string,
  values: readonly { key: string; value: JsonValue; secret?: boolean; locked?: boolean }[],
  at: ConfigValuesInput["spec"]["at"] = "tenant",
) {
  return { apiVersion: API_VERSION, kind: "ConfigValues" as const, metadata: { name }, spec: { at, values: [...values] } };
}

export function aSecret(name: string, spec: SecretInput["spec"] = { value: "s3cr3t-1" }) {
  return { apiVersion: API_VERSION, kind: "Secret" as const, metadata: { name }, spec };
}

/** The smallest claw type: a program of one file. */
export function aClawType(name: string, spec: Partial<ClawTypeInput["spec"]> = {}) {
  const probe = (path: string) => ({ path, expect: { ok: true }, periodSeconds: 1, failureThreshold: 3 });
  return {
    apiVersion: API_VERSION,
    kind: "ClawType" as const,
    metadata: { name },
    spec: {
      version: "1.0.0",
      software: { source: "inline" as const, files: [{ path: "run.mjs", content: "// a program" }] },
      command: ["${node}", "${configDir}/run.mjs", "${port}"],
      probes: { startup: probe("/startupz"), readiness: probe("/readyz"), liveness: probe("/healthz") },
      ...spec,
    },
  };
}

/** Rollouts that wait: for an approval, as somebody wanted it, and for nothing any more. */
export const ROLLOUTS = ["asking", "halted", "over"] as const;

/** A rollout of the second version of a template, `rolling`, to the instances with its name, which waits for an approval. */
export function aRollout(name: string, spec: object = {}): RolloutInput {
  const change = { config: { template: "rolling", version: 2 } };
  const selector = `rolls=${name}`;
  const strategy = { waves: [{ name: "all", selector, approval: true }] };
  const manifest = { apiVersion: API_VERSION, kind: "Rollout", metadata: { name }, spec: { change, selector, strategy, ...spec } };
  return RolloutInputSchema.parse(manifest);
}

export function aServiceAccount(name: string, description = "a machine") {
  return { apiVersion: API_VERSION, kind: "ServiceAccount" as const, metadata: { name }, spec: { description } };
}

/** A request of every route that succeeds in a populated tenant. A route without one does not compile. */
export function sampleRequests({
  tenant,
  instance,
  config,
  project,
  cluster,
  policy,
  values,
  secret,
  clawType,
  role,
  roleBinding,
  serviceAccount,
  token,
  recording,
  plan,
  state,
}: Populated): Readonly<Record<RouteId, SampleRequest>> {
  const aProject = (name: string) => ({ apiVersion: API_VERSION, kind: "Project", metadata: { name } });
  const changed = anEcho(instance, { resources: { cpu: "200m", memory: "64Mi" } });
  return {
    "instances.list": {},
    "instances.create": { body: anEcho("another") },
    "instances.get": { id: instance },
    "instances.replace": { id: instance, body: changed },
    "instances.delete": { id: instance },
    "instances.start": { id: instance },
    "instances.stop": { id: instance },
    "instances.restart": { id: instance },
    "instances.kill": { id: instance },
    "instances.logs": { id: instance },
    "instances.events": { id: instance },
    "instances.operations": { id: instance },
    "instances.chatSessions": { id: instance },
    "instances.pin": { id: instance, body: { version: null } },
    "instances.config": { id: instance },
    "instances.consistency": { id: instance },
    "instances.check": {},
    "instances.revert": { id: instance },
    "instances.adopt": { id: instance, body: {} },
    "instances.ignore": { id: instance, body: { until: "2099-01-01T00:00:00.000Z" } },
    "instances.console": { id: instance, body: { cols: 80, rows: 24 } },
    "instances.open": { id: instance },
    "configs.list": {},
    "configs.create": { body: aTemplate("another") },
    "configs.get": { id: config },
    "configs.replace": { id: config, body: aTemplate(config, { description: "changed" }) },
    "configs.delete": { id: config },
    "configs.versions": { id: config },
    "configs.publish": { id: config, body: { message: "again" } },
    "configs.promote": { id: config, body: { to: 1 } },
    "configs.rollback": { id: config, body: { to: 1 } },
    "configs.diff": { id: config, query: "?from=1" },
    "configs.schema": { id: config },
    "configs.validate": { id: config, body: { values: {} } },
    "tenants.list": {},
    "tenants.create": { body: aTenant("another") },
    "tenants.get": { id: tenant },
    "tenants.replace": { id: tenant, body: aTenant(tenant, { displayName: "changed" }) },
    "tenants.delete": { id: tenant },
    "tenants.quota": { id: tenant },
    "tenants.setQuota": { id: tenant, body: { instances: 9 } },
    "projects.list": {},
    "projects.create": { body: aProject("another") },
    "projects.get": { id: project },
    "projects.replace": { id: project, body: { ...aProject(project), spec: { displayName: "changed" } } },
    "projects.delete": { id: project },
    "audit.list": {},
    "audit.verify": {},
    "audit.platform": {},
    "audit.verifyPlatform": {},
    "audit.chains": {},
    "recordings.list": {},
    "recordings.get": { id: recording },
    "recordings.read": { id: recording },
    "clusters.list": {},
    "clusters.create": { body: aClusterManifest("another") },
    "clusters.get": { id: cluster },
    "clusters.replace": { id: cluster, body: aClusterManifest(cluster, { displayName: "changed" }) },
    "clusters.delete": { id: cluster },
    "clusters.drain": { id: cluster },
    "leftovers.list": {},
    "previews.create": { body: { manifests: [changed] } },
    "previews.get": { id: plan },
    "previews.changes": { id: plan },
    "previews.apply": { id: plan },
    "stacks.export": { id: tenant },
    "stacks.import": { id: tenant, body: state },
    "stacks.history": { id: tenant },
    "stacks.refresh": { id: tenant },
    "stacks.cancel": { id: tenant },
    "stacks.unlock": { id: tenant },
    "stacks.migrate": { id: tenant, body: { engine: "embedded" } },
    "types.list": {},
    "types.get": { id: clawType },
    "clawTypes.list": {},
    "clawTypes.create": { body: aClawType("another") },
    "clawTypes.get": { id: clawType },
    "clawTypes.replace": { id: clawType, body: aClawType(clawType, { description: "changed" }) },
    "clawTypes.delete": { id: clawType },
    "service.version": {},
    "service.status": {},
    "policies.test": { body: {} },
    "secrets.list": {},
    "secrets.create": { body: aSecret("another") },
    "secrets.get": { id: secret },
    "secrets.replace": { id: secret, body: aSecret(secret, { value: "s3cr3t-2" }) },
    "secrets.delete": { id: secret },
    "secrets.users": { id: secret },
    "secrets.rotate": { id: secret, body: { to: 1 } },
    "secrets.refresh": { id: secret },
    "values.list": {},
    "values.create": { body: aSetOfValues("more", [{ key: "greeting", value: "more" }]) },
    "values.get": { id: values },
    "values.replace": { id: values, body: aSetOfValues(values, [{ key: "greeting", value: "other" }]) },
    "values.delete": { id: values },
    "rollouts.list": {},
    // What an ended one had is free again.
    "rollouts.create": { body: aRollout("another", { selector: "rolls=over" }) },
    "rollouts.get": { id: "over" },
    "rollouts.replace": { id: "over", body: { ...aRollout("over"), metadata: { name: "over", labels: { seen: "yes" } } } },
    "rollouts.delete": { id: "over" },
    "rollouts.instances": { id: "over" },
    "rollouts.pause": { id: "asking" },
    "rollouts.resume": { id: "halted" },
    "rollouts.approve": { id: "asking" },
    "rollouts.abort": { id: "asking", body: {} },
    "rollouts.retry": { id: "halted", body: {} },
    "policies.list": {},
    "policies.create": { body: aPolicy("another") },
    "policies.get": { id: policy },
    "policies.replace": { id: policy, body: aPolicy(policy, { mode: "audit" }) },
    "policies.delete": { id: policy },
    "roles.list": {},
    "roles.create": { body: aRole("another") },
    "roles.get": { id: role },
    "roles.replace": { id: role, body: aRole(role, ["instances.read", "instances.logs"]) },
    "roles.delete": { id: role },
    "roleBindings.list": {},
    "roleBindings.create": { body: aRoleBinding("another") },
    "roleBindings.get": { id: roleBinding },
    "roleBindings.replace": { id: roleBinding, body: aRoleBinding(roleBinding, "operator") },
    "roleBindings.delete": { id: roleBinding },
    "serviceAccounts.list": {},
    "serviceAccounts.create": { body: aServiceAccount("another") },
    "serviceAccounts.get": { id: serviceAccount },
    "serviceAccounts.replace": { id: serviceAccount, body: aServiceAccount(serviceAccount, "changed") },
    "serviceAccounts.delete": { id: serviceAccount },
    "tokens.list": {},
    "tokens.create": { body: { name: "another", serviceAccount } },
    "tokens.get": { id: token },
    "tokens.revoke": { id: token },
    "sessions.list": {},
    "sessions.create": {},
    "sessions.refresh": { body: { refreshToken: "none" } },
    "sessions.end": { id: "ses_none" },
    "access.retireAdministrator": {},
    "access.me": {},
    "access.canI": { query: "?permission=instances.read" },
    "access.signIn": {},
  };
}
