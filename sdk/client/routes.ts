import type { z } from "zod";
import type { ClawInstance, Preview, Route, RouteId, routes } from "../contract/index.ts";

type Routes = typeof routes;

/** Whether the method takes an input before its options: the body of a write, the query of a read. Empty bodies are none. */
export type InputOf<R extends Route> = R extends { body: infer B }
  ? B extends z.ZodOptional
    ? "none"
    : "body"
  : R extends { method: "GET"; query: z.ZodObject }
    ? "query"
    : "none";

/** What the method answers: one object, a page of a list and nothing else, or nothing. Instances and previews become handles. */
export type OutputOf<R extends Route> = R extends { response: z.ZodType<infer T> }
  ? [keyof T, "nextCursor"] extends ["items" | "nextCursor", keyof T]
    ? T extends { items: ClawInstance[] }
      ? "instances"
      : "page"
    : T extends ClawInstance
      ? "instance"
      : T extends Preview
        ? "preview"
        : "json"
  : "none";

/** What the client needs to know of a route at run time. */
export interface ClientRoute {
  readonly method: Route["method"];
  readonly path: string;
  readonly input: "body" | "query" | "none";
  readonly output: "page" | "instances" | "json" | "instance" | "preview" | "none";
}

type RouteTable = {
  readonly [K in RouteId]: readonly [
    method: Routes[K]["method"],
    path: Routes[K]["path"],
    input: InputOf<Routes[K]>,
    output: OutputOf<Routes[K]>,
  ];
};

/**
 * The shadow of the contract's route table that runs without zod, so that the client stays free of dependencies.
 * The compiler holds every cell of it to the table: a route that is added, removed or changed does not compile until this follows.
 */
const table = {
  "instances.list": ["GET", "/instances", "query", "instances"],
  "instances.create": ["POST", "/instances", "body", "instance"],
  "instances.get": ["GET", "/instances/:id", "none", "instance"],
  "instances.replace": ["PUT", "/instances/:id", "body", "instance"],
  "instances.delete": ["DELETE", "/instances/:id", "none", "instance"],
  "instances.start": ["POST", "/instances/:id/start", "none", "instance"],
  "instances.stop": ["POST", "/instances/:id/stop", "none", "instance"],
  "instances.restart": ["POST", "/instances/:id/restart", "none", "instance"],
  "instances.kill": ["POST", "/instances/:id/kill", "none", "instance"],
  "instances.pin": ["POST", "/instances/:id/pin", "body", "instance"],
  "instances.consistency": ["GET", "/instances/:id/consistency", "none", "json"],
  "instances.check": ["GET", "/consistency", "query", "page"],
  "instances.revert": ["POST", "/instances/:id/revert", "none", "instance"],
  "instances.adopt": ["POST", "/instances/:id/adopt", "body", "instance"],
  "instances.ignore": ["POST", "/instances/:id/ignore", "body", "instance"],
  "instances.logs": ["GET", "/instances/:id/logs", "query", "json"],
  "instances.events": ["GET", "/instances/:id/events", "query", "page"],
  "instances.config": ["GET", "/instances/:id/config", "query", "json"],
  "instances.operations": ["GET", "/instances/:id/operations", "none", "json"],
  "instances.chatSessions": ["GET", "/instances/:id/chat-sessions", "none", "json"],
  "instances.console": ["POST", "/instances/:id/console", "body", "json"],
  "instances.open": ["POST", "/instances/:id/open", "body", "json"],
  "configs.list": ["GET", "/configs", "query", "page"],
  "configs.create": ["POST", "/configs", "body", "json"],
  "configs.get": ["GET", "/configs/:id", "none", "json"],
  "configs.replace": ["PUT", "/configs/:id", "body", "json"],
  "configs.delete": ["DELETE", "/configs/:id", "none", "none"],
  "configs.versions": ["GET", "/configs/:id/versions", "query", "page"],
  "configs.publish": ["POST", "/configs/:id/publish", "body", "json"],
  "configs.promote": ["POST", "/configs/:id/promote", "body", "json"],
  "configs.rollback": ["POST", "/configs/:id/rollback", "body", "json"],
  "configs.diff": ["GET", "/configs/:id/diff", "query", "json"],
  "configs.schema": ["GET", "/configs/:id/schema", "none", "json"],
  "configs.validate": ["POST", "/configs/:id/validate", "body", "json"],
  "secrets.list": ["GET", "/secrets", "query", "page"],
  "secrets.create": ["POST", "/secrets", "body", "json"],
  "secrets.get": ["GET", "/secrets/:id", "none", "json"],
  "secrets.replace": ["PUT", "/secrets/:id", "body", "json"],
  "secrets.delete": ["DELETE", "/secrets/:id", "none", "none"],
  "secrets.users": ["GET", "/secrets/:id/users", "query", "page"],
  "secrets.rotate": ["POST", "/secrets/:id/rotate", "body", "json"],
  "secrets.refresh": ["POST", "/secrets/:id/refresh", "none", "json"],
  "values.list": ["GET", "/config-values", "query", "page"],
  "values.create": ["POST", "/config-values", "body", "json"],
  "values.get": ["GET", "/config-values/:id", "none", "json"],
  "values.replace": ["PUT", "/config-values/:id", "body", "json"],
  "values.delete": ["DELETE", "/config-values/:id", "none", "none"],
  "tenants.list": ["GET", "/tenants", "query", "page"],
  "tenants.create": ["POST", "/tenants", "body", "json"],
  "tenants.get": ["GET", "/tenants/:id", "none", "json"],
  "tenants.replace": ["PUT", "/tenants/:id", "body", "json"],
  "tenants.delete": ["DELETE", "/tenants/:id", "none", "none"],
  "tenants.quota": ["GET", "/tenants/:id/quota", "none", "json"],
  "tenants.setQuota": ["PUT", "/tenants/:id/quota", "body", "json"],
  "projects.list": ["GET", "/projects", "query", "page"],
  "projects.create": ["POST", "/projects", "body", "json"],
  "projects.get": ["GET", "/projects/:id", "none", "json"],
  "projects.replace": ["PUT", "/projects/:id", "body", "json"],
  "projects.delete": ["DELETE", "/projects/:id", "none", "none"],
  "rollouts.list": ["GET", "/rollouts", "query", "page"],
  "rollouts.create": ["POST", "/rollouts", "body", "json"],
  "rollouts.get": ["GET", "/rollouts/:id", "none", "json"],
  "rollouts.replace": ["PUT", "/rollouts/:id", "body", "json"],
  "rollouts.delete": ["DELETE", "/rollouts/:id", "none", "none"],
  "rollouts.instances": ["GET", "/rollouts/:id/instances", "query", "page"],
  "rollouts.pause": ["POST", "/rollouts/:id/pause", "none", "json"],
  "rollouts.resume": ["POST", "/rollouts/:id/resume", "none", "json"],
  "rollouts.approve": ["POST", "/rollouts/:id/approve", "none", "json"],
  "rollouts.abort": ["POST", "/rollouts/:id/abort", "body", "json"],
  "rollouts.retry": ["POST", "/rollouts/:id/retry", "body", "json"],
  "policies.test": ["POST", "/policy-tests", "body", "json"],
  "policies.list": ["GET", "/policies", "query", "page"],
  "policies.create": ["POST", "/policies", "body", "json"],
  "policies.get": ["GET", "/policies/:id", "none", "json"],
  "policies.replace": ["PUT", "/policies/:id", "body", "json"],
  "policies.delete": ["DELETE", "/policies/:id", "none", "none"],
  "roles.list": ["GET", "/roles", "query", "page"],
  "roles.create": ["POST", "/roles", "body", "json"],
  "roles.get": ["GET", "/roles/:id", "none", "json"],
  "roles.replace": ["PUT", "/roles/:id", "body", "json"],
  "roles.delete": ["DELETE", "/roles/:id", "none", "none"],
  "roleBindings.list": ["GET", "/role-bindings", "query", "page"],
  "roleBindings.create": ["POST", "/role-bindings", "body", "json"],
  "roleBindings.get": ["GET", "/role-bindings/:id", "none", "json"],
  "roleBindings.replace": ["PUT", "/role-bindings/:id", "body", "json"],
  "roleBindings.delete": ["DELETE", "/role-bindings/:id", "none", "none"],
  "serviceAccounts.list": ["GET", "/service-accounts", "query", "page"],
  "serviceAccounts.create": ["POST", "/service-accounts", "body", "json"],
  "serviceAccounts.get": ["GET", "/service-accounts/:id", "none", "json"],
  "serviceAccounts.replace": ["PUT", "/service-accounts/:id", "body", "json"],
  "serviceAccounts.delete": ["DELETE", "/service-accounts/:id", "none", "none"],
  "tokens.list": ["GET", "/tokens", "query", "page"],
  "tokens.create": ["POST", "/tokens", "body", "json"],
  "tokens.get": ["GET", "/tokens/:id", "none", "json"],
  "tokens.revoke": ["DELETE", "/tokens/:id", "none", "none"],
  "sessions.list": ["GET", "/sessions", "query", "json"],
  "sessions.create": ["POST", "/sessions", "none", "json"],
  "sessions.refresh": ["POST", "/sessions/refresh", "body", "json"],
  "sessions.end": ["DELETE", "/sessions/:id", "none", "none"],
  "access.retireAdministrator": ["DELETE", "/administrator-token", "none", "none"],
  "access.me": ["GET", "/me", "none", "json"],
  "access.canI": ["GET", "/me/can-i", "query", "json"],
  "access.signIn": ["GET", "/sign-in", "none", "json"],
  "audit.list": ["GET", "/audit", "query", "page"],
  "audit.verify": ["GET", "/audit/verify", "query", "json"],
  "audit.platform": ["GET", "/audit/platform", "query", "page"],
  "audit.verifyPlatform": ["GET", "/audit/platform/verify", "query", "json"],
  "audit.chains": ["GET", "/audit/platform/chains", "query", "page"],
  "recordings.list": ["GET", "/recordings", "query", "page"],
  "recordings.get": ["GET", "/recordings/:id", "none", "json"],
  "recordings.read": ["GET", "/recordings/:id/cast", "query", "json"],
  "clusters.list": ["GET", "/clusters", "query", "page"],
  "clusters.create": ["POST", "/clusters", "body", "json"],
  "clusters.get": ["GET", "/clusters/:id", "none", "json"],
  "clusters.replace": ["PUT", "/clusters/:id", "body", "json"],
  "clusters.delete": ["DELETE", "/clusters/:id", "none", "none"],
  "clusters.drain": ["POST", "/clusters/:id/drain", "none", "json"],
  "leftovers.list": ["GET", "/leftovers", "query", "page"],
  "previews.create": ["POST", "/previews", "body", "preview"],
  "previews.get": ["GET", "/previews/:id", "none", "preview"],
  "previews.changes": ["GET", "/previews/:id/changes", "query", "page"],
  "previews.apply": ["POST", "/previews/:id/apply", "none", "preview"],
  "stacks.export": ["GET", "/stacks/:id/export", "query", "json"],
  "stacks.import": ["POST", "/stacks/:id/import", "body", "json"],
  "stacks.history": ["GET", "/stacks/:id/history", "query", "page"],
  "stacks.refresh": ["POST", "/stacks/:id/refresh", "none", "json"],
  "stacks.cancel": ["POST", "/stacks/:id/cancel", "none", "json"],
  "stacks.unlock": ["POST", "/stacks/:id/unlock", "none", "json"],
  "stacks.migrate": ["POST", "/stacks/:id/engine", "body", "json"],
  "types.list": ["GET", "/types", "none", "json"],
  "types.get": ["GET", "/types/:id", "none", "json"],
  "clawTypes.list": ["GET", "/claw-types", "query", "page"],
  "clawTypes.create": ["POST", "/claw-types", "body", "json"],
  "clawTypes.get": ["GET", "/claw-types/:id", "none", "json"],
  "clawTypes.replace": ["PUT", "/claw-types/:id", "body", "json"],
  "clawTypes.delete": ["DELETE", "/claw-types/:id", "none", "none"],
  "service.version": ["GET", "/version", "none", "json"],
  "service.status": ["GET", "/status", "none", "json"],
} as const satisfies RouteTable;

/** Every route by its id. */
export const clientRoutes: ReadonlyMap<RouteId, ClientRoute> = new Map(
  (Object.keys(table) as RouteId[]).map((id) => {
    const [method, path, input, output] = table[id];
    return [id, { method, path, input, output }];
  }),
);
