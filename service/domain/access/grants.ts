import { builtInRole, type Permission, type ProjectId, permissionFacts, type TenantId } from "../../../sdk/contract/index.ts";

/** What somebody may do, where. */
export interface Grants {
  /** In every tenant, and on what is the platform's. */
  readonly platform: ReadonlySet<Permission>;
  /** The tenant that the rest is about: that of the request. */
  readonly tenantId: TenantId | undefined;
  readonly tenant: ReadonlySet<Permission>;
  /** In projects of that tenant. */
  readonly projects: ReadonlyMap<ProjectId, ReadonlySet<Permission>>;
}

/** Where something is: in a project, a tenant as a whole, or, with neither, on the platform. */
export interface Place {
  readonly tenantId?: TenantId | undefined;
  readonly project?: ProjectId | undefined;
}

/** A role that somebody has, with the place where it was given. */
export interface BoundRole {
  readonly at: "platform" | "tenant" | ProjectId;
  readonly role: string;
  /** Of a role that is not always there. */
  readonly permissions: readonly Permission[] | undefined;
}

export const NO_GRANTS: Grants = { platform: new Set(), tenantId: undefined, tenant: new Set(), projects: new Map() };

/** What roles come to. @param tenantId the tenant that they are of @param within no more than this is given: the scopes of a token */
export function grantsOf(bound: readonly BoundRole[], tenantId: TenantId | undefined, within?: readonly Permission[]): Grants {
  const platform = new Set<Permission>();
  const tenant = new Set<Permission>();
  const projects = new Map<ProjectId, Set<Permission>>();
  for (const { at, role, permissions } of bound) {
    const place = at === "platform" ? platform : at === "tenant" ? tenant : (projects.get(at) ?? new Set());
    if (at !== "platform" && at !== "tenant") {
      projects.set(at, place);
    }
    for (const permission of builtInRole(role)?.permissions ?? permissions ?? []) {
      if (canBeGivenAt(at, permission) && (within === undefined || within.includes(permission))) {
        place.add(permission);
      }
    }
  }
  return { platform, tenantId, tenant, projects };
}

/** Whether a role that is bound there gives the permission. */
function canBeGivenAt(at: BoundRole["at"], permission: Permission): boolean {
  const { scope, fromProject } = permissionFacts(permission);
  switch (at) {
    case "platform":
      return true;
    case "tenant":
      return scope !== "platform";
    default:
      return scope === "project" || fromProject === true;
  }
}

export function allows(grants: Grants, permission: Permission, { tenantId, project }: Place): boolean {
  if (grants.platform.has(permission)) {
    return true;
  }
  if (tenantId === undefined || tenantId !== grants.tenantId) {
    return false;
  }
  if (grants.tenant.has(permission)) {
    return true;
  }
  return project === undefined
    ? permissionFacts(permission).fromProject === true && someProject(grants, permission)
    : grants.projects.get(project)?.has(permission) === true;
}

function someProject({ projects }: Grants, permission: Permission): boolean {
  return [...projects.values()].some((given) => given.has(permission));
}

/** Whether it may be done anywhere in the tenant of the request, or on the platform. */
export function allowsSomewhere(grants: Grants, permission: Permission): boolean {
  return grants.platform.has(permission) || grants.tenant.has(permission) || someProject(grants, permission);
}

/** The only projects of the request's tenant where it may be done; undefined where it may be done in all of it. */
export function projectsThatAllow({ platform, tenant, projects }: Grants, permission: Permission): readonly ProjectId[] | undefined {
  return platform.has(permission) || tenant.has(permission)
    ? undefined
    : [...projects].filter(([, given]) => given.has(permission)).map(([project]) => project);
}

/** What one has in a tenant that another has not: what it can't give, then. */
export function beyond(wanted: Grants, had: Grants): readonly Permission[] {
  const { tenantId } = wanted;
  const missing = [
    ...[...wanted.platform].filter((permission) => !allows(had, permission, {})),
    ...[...wanted.tenant].filter((permission) => !allows(had, permission, { tenantId })),
  ];
  for (const [project, given] of wanted.projects) {
    const place = (permission: Permission): Place =>
      permissionFacts(permission).scope === "project" ? { tenantId, project } : { tenantId };
    missing.push(...[...given].filter((permission) => !allows(had, permission, place(permission))));
  }
  return [...new Set(missing)];
}
