/** The smallest part of the house that a permission can be given in. */
export type AccessScope = "platform" | "tenant" | "project";

interface PermissionFacts {
  /** What it lets one do. */
  readonly allows: string;
  readonly scope: AccessScope;
  /** Whoever has it in one project has it for what is the tenant's as a whole: there is only one copy of that to read. */
  readonly fromProject?: true;
}

/**
 * Everything that one may be allowed to do. A route names the one that it takes, a kind of resource those of its reads, writes and actions, a role
 * those that it gives: no other list says who may do what.
 */
export const permissions = {
  "instances.read": { allows: "see instances, their conditions and events", scope: "project" },
  "instances.write": { allows: "create, change and destroy instances", scope: "project" },
  "instances.operate": { allows: "start, stop, restart and kill instances", scope: "project" },
  "instances.logs": { allows: "read what instances log", scope: "project" },
  "instances.console": { allows: "open a terminal inside instances", scope: "project" },
  "instances.connect": { allows: "reach instances' own ports, signed in there", scope: "project" },
  "instances.chat": { allows: "talk to instances", scope: "project" },
  "instances.share": { allows: "take part in shared sessions of instances", scope: "project" },
  "projects.read": { allows: "see projects", scope: "project" },
  "projects.write": { allows: "create, change and delete projects, and set their quotas", scope: "tenant" },
  "configs.read": { allows: "see config templates and their versions", scope: "tenant", fromProject: true },
  "configs.write": { allows: "change and publish config templates", scope: "tenant" },
  "values.read": { allows: "see config values of the tenant and of projects, secrets masked", scope: "project", fromProject: true },
  "values.write": {
    allows: "set config values: of projects and their instances, and with a binding there of the tenant or of all",
    scope: "project",
  },
  "rollouts.read": { allows: "see rollouts, and how far each of their instances is, whichever project it is of", scope: "tenant" },
  "rollouts.write": { allows: "begin rollouts, and delete those that have ended", scope: "tenant" },
  "rollouts.operate": { allows: "pause, resume, approve, abort and retry rollouts", scope: "tenant" },
  "types.read": { allows: "see claw types of the tenant's own, and the platform's", scope: "tenant", fromProject: true },
  "types.write": { allows: "make, change and delete claw types; those of the platform with a binding there", scope: "tenant" },
  "secrets.read": {
    allows: "see secrets: where each comes from, whether it can be read and who uses it, never what it is",
    scope: "tenant",
    fromProject: true,
  },
  "secrets.write": { allows: "give, change and delete secrets, and have their sources read", scope: "tenant" },
  "access.read": { allows: "see roles, role bindings, service accounts and what tokens there are", scope: "tenant" },
  "access.write": {
    allows: "give roles to others, make service accounts and their tokens: of what one may do oneself, no more",
    scope: "tenant",
  },
  "audit.read": { allows: "read the audit log, have it verified, and see what recorded terminals showed", scope: "tenant" },
  "policies.read": { allows: "see policies", scope: "tenant", fromProject: true },
  "policies.write": { allows: "make, change and delete policies; those of the platform with a binding there", scope: "tenant" },
  "tenants.read": { allows: "see the tenant, its quota and its policies", scope: "tenant", fromProject: true },
  "tenants.write": { allows: "create, change and delete tenants, and set their quotas and policies", scope: "platform" },
  "clusters.read": { allows: "see clusters, and what was left behind in them", scope: "platform" },
  "clusters.write": { allows: "register, change, drain and remove clusters", scope: "platform" },
  "stacks.read": { allows: "see the operations of stacks", scope: "platform" },
  "stacks.operate": { allows: "refresh, cancel, unlock, export, import and move stacks: their state holds secrets", scope: "platform" },
  "service.read": { allows: "see how the control plane does", scope: "platform" },
  "host.use": {
    allows: "name what is the host's own (folders, commands) and place claws where nothing confines them",
    scope: "platform",
  },
} as const satisfies Record<string, PermissionFacts>;
export type Permission = keyof typeof permissions;

/** Every permission, in the order of the table. */
export const PERMISSIONS = Object.keys(permissions) as [Permission, ...Permission[]];

/** What can be said of a permission. */
export function permissionFacts(permission: Permission): PermissionFacts {
  return permissions[permission];
}

interface RoleFacts {
  /** For whom it is. */
  readonly summary: string;
  readonly permissions: readonly Permission[];
}

const reading = PERMISSIONS.filter((permission) => /^(?!access|audit).*\.read$/.test(permission));
const running = [
  "instances.operate",
  "instances.logs",
  "instances.console",
  "instances.connect",
  "instances.chat",
  "instances.share",
] as const;

/**
 * The roles that are always there. Each gives its permissions where it is bound: what is of the platform takes a binding at the platform, what is
 * of a tenant as a whole one at the tenant or the platform.
 */
export const roles = {
  "platform-admin": { summary: "runs the platform: everything, everywhere", permissions: PERMISSIONS },
  "tenant-admin": {
    summary: "runs a tenant: everything in it, and who may do what there",
    permissions: PERMISSIONS.filter((permission) => permissions[permission].scope !== "platform"),
  },
  operator: {
    summary: "runs what is there: starts, stops, looks into it; changes no declaration",
    permissions: [...reading, ...running, "rollouts.operate"],
  },
  developer: {
    summary: "makes and changes instances, of the projects where it is bound",
    permissions: [...reading, "instances.write", "values.write", ...running],
  },
  viewer: { summary: "sees everything, logs included, and changes nothing", permissions: [...reading, "instances.logs"] },
  auditor: {
    summary: "sees what is declared, who may do what and who did what; of what claws say and log only what recorded terminals showed",
    permissions: [...reading, "access.read", "audit.read"],
  },
} as const satisfies Record<string, RoleFacts>;
export type BuiltInRole = keyof typeof roles;

/** A role that is always there, by its name. */
export function builtInRole(name: string): RoleFacts | undefined {
  return Object.hasOwn(roles, name) ? roles[name as BuiltInRole] : undefined;
}
