import { QueryCache, QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, AuthError, Claw, ConnectionError, ForbiddenError } from "../../../sdk/client/index.ts";
import type { Permission } from "../../../sdk/contract/permissions.ts";
import { noteAnswer, noteSilence } from "./connection.ts";

const clients = new Map<string, Claw>();
/** Of what is shown one sees that it is old; a control plane that starts anew is back within seconds. */
const RETRIES_MAX = 3;
const STALE_MS = 2_000;

/** The service by its own client, in one tenant. The browser's cookie says who asks. */
export function claw(tenant?: string): Claw {
  const key = tenant ?? "";
  const known = clients.get(key) ?? new Claw({ url: location.origin, tenant, maxRetries: 0 });
  clients.set(key, known);
  return known;
}

/** What everything that the service is asked goes through. */
export const queries = new QueryClient({
  queryCache: new QueryCache({
    onSuccess: noteAnswer,
    onError: (error) => {
      if (error instanceof ConnectionError) {
        noteSilence();
      }
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      networkMode: "always",
      retry: (failures, error) => failures < RETRIES_MAX && mayPass(error),
      refetchOnWindowFocus: true,
    },
    mutations: { networkMode: "always", retry: false },
  },
});

/** A refusal stays one, however often one asks. */
function mayPass(error: Error): boolean {
  return error instanceof ConnectionError || (error instanceof ApiError && (error.status >= 500 || error.status === 429));
}

/** Who is signed in, and what they may do in a tenant. */
export const meQuery = (tenant?: string) =>
  queryOptions({
    queryKey: [tenant ?? "", "me"],
    queryFn: ({ signal }) => claw(tenant).access.me({ signal }),
    staleTime: 30_000,
  });

/** Names of the tenants that somebody can go to: whoever runs the platform sees all. */
export const tenantsQuery = () =>
  queryOptions({
    queryKey: ["", "tenant-names"],
    queryFn: async ({ signal }): Promise<readonly string[]> => {
      const me = await claw().access.me({ signal });
      if (!me.permissions.platform.includes("tenants.read")) {
        return me.tenants;
      }
      const { items } = await claw().tenants.list({ limit: 500, sort: "metadata.name" }, { signal });
      return items.map(({ metadata }) => metadata.name);
    },
    staleTime: 15_000,
  });

/** Whether something may be done, in one project or in the tenant as a whole. */
export function allows(
  me: {
    readonly permissions: {
      readonly platform: readonly string[];
      readonly tenant: readonly string[];
      readonly projects: Readonly<Record<string, readonly string[]>>;
    };
  },
  permission: Permission,
  project?: string,
): boolean {
  const { platform, tenant, projects } = me.permissions;
  return (
    platform.includes(permission) ||
    tenant.includes(permission) ||
    (project !== undefined && (projects[project]?.includes(permission) ?? false))
  );
}

/** Whether something may be done in the tenant or in any project of it. */
export function mayAnywhere(me: Parameters<typeof allows>[0], permission: Permission): boolean {
  return allows(me, permission) || Object.values(me.permissions.projects).some((granted) => granted.includes(permission));
}

/** Whether a failure says that nobody is signed in any more. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof AuthError;
}

export function isForbidden(error: unknown): boolean {
  return error instanceof ForbiddenError;
}
