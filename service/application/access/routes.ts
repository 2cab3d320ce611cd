import { ClawError, PERMISSIONS, type Permission, permissionFacts, type SignInProvider } from "../../../sdk/contract/index.ts";
import { type Actor, adminEntries } from "../../domain/access/actor.ts";
import { allows, type Place } from "../../domain/access/grants.ts";
import type { Role, RoleBinding, ServiceAccount } from "../../domain/access/resources.ts";
import type { Transactions } from "../ports/transactions.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { everyOf } from "../resources/pages.ts";
import { refusal } from "../resources/permitted.ts";
import type { RequestDependencies } from "../resources/requests.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { retireAdministrator } from "./administrator.ts";
import { type SessionDependencies, sessionRoutes } from "./sessions.ts";
import { tokenRoutes } from "./tokens.ts";

type AccessArea = "roles" | "roleBindings" | "serviceAccounts" | "tokens" | "sessions" | "access";
type AccessRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `${AccessArea}.${string}`>>;

interface AccessKinds {
  readonly role: ResourceKind<"Role", Role>;
  readonly roleBinding: ResourceKind<"RoleBinding", RoleBinding>;
  readonly serviceAccount: ResourceKind<"ServiceAccount", ServiceAccount>;
}

interface AccessDependencies extends RequestDependencies, SessionDependencies {
  readonly signIn: readonly SignInProvider[];
}

export function accessRoutes(kinds: AccessKinds, deps: AccessDependencies): AccessRoutes {
  const [roles, bindings, accounts] = [
    resourceRoutes(kinds.role, deps),
    resourceRoutes(kinds.roleBinding, deps),
    resourceRoutes(kinds.serviceAccount, deps),
  ];
  return {
    "roles.list": roles.list,
    "roles.get": roles.get,
    "roles.create": roles.create,
    "roles.replace": roles.replace,
    "roles.delete": roles.delete,
    "roleBindings.list": bindings.list,
    "roleBindings.get": bindings.get,
    "roleBindings.create": bindings.create,
    "roleBindings.replace": bindings.replace,
    "roleBindings.delete": bindings.delete,
    "serviceAccounts.list": accounts.list,
    "serviceAccounts.get": accounts.get,
    "serviceAccounts.create": accounts.create,
    "serviceAccounts.replace": accounts.replace,
    "serviceAccounts.delete": accounts.delete,
    ...tokenRoutes(deps),
    ...sessionRoutes(deps),
    "access.retireAdministrator": (ctx) => retireAdministrator(ctx, deps.transactions),
    "access.signIn": async () => ({ providers: [...deps.signIn] }),
    "access.me": (ctx) => whoIs(ctx, deps.transactions),
    "access.canI": async (ctx, { query: { permission, project } }) => {
      const place = project === undefined ? { tenantId: ctx.tenant?.id } : await placeOf(ctx, project, deps.transactions);
      if (!allows(ctx.actor.grants, permission, place)) {
        const { message, fix } = refusal(ctx.actor, permission);
        return { allowed: false, reason: `${message}; ${fix}` };
      }
      return {
        allowed: true,
        reason: `'${ctx.actor.subject}' may ${permissionFacts(permission).allows} ${whereGiven(ctx.actor, permission)}`,
      };
    },
  };
}

async function whoIs({ actor, tenant }: RequestContext, transactions: Transactions) {
  const { grants, subject, groups, keys, platform } = actor;
  const named = platform ? [] : await transactions.platform((tx) => tx.access.tenantsOf(keys, adminEntries(keys)));
  const names = await projectNames({ actor, tenant }, transactions);
  return {
    subject,
    groups: [...groups],
    ...(tenant && { tenant: tenant.name }),
    tenants: [...new Set([...named, ...(tenant ? [tenant.name] : [])])].sort(),
    permissions: {
      platform: inOrder(grants.platform),
      tenant: inOrder(grants.tenant),
      projects: Object.fromEntries([...grants.projects].map(([id, given]) => [names.get(id) ?? id, inOrder(given)])),
    },
  };
}

function inOrder(given: ReadonlySet<Permission>): Permission[] {
  return PERMISSIONS.filter((permission) => given.has(permission));
}

async function projectNames({ actor, tenant }: Pick<RequestContext, "actor" | "tenant">, transactions: Transactions) {
  const ids = [...actor.grants.projects.keys()];
  const names = new Map<string, string>();
  if (tenant && ids.length > 0) {
    await transactions.tenant(tenant.id, async (tx) => {
      for await (const { id, name } of everyOf((page) => tx.projects.list(page, ids))) {
        names.set(id, name);
      }
    });
  }
  return names;
}

/** @throws {ClawError} `project.not_found` */
async function placeOf(ctx: RequestContext, name: string, transactions: Transactions): Promise<Place> {
  const { id: tenantId } = tenantIn(ctx);
  const project = await transactions.tenant(tenantId, (tx) => tx.projects.find(name));
  if (!project || !allows(ctx.actor.grants, "projects.read", { tenantId, project: project.id })) {
    throw new ClawError("project.not_found", `there is no project '${name}'`);
  }
  return { tenantId, project: project.id };
}

function whereGiven({ grants }: Actor, permission: Permission): string {
  if (grants.platform.has(permission)) {
    return "everywhere";
  }
  return grants.tenant.has(permission) ? "in the whole tenant" : "in this project";
}
