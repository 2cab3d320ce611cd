import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { auditSearch } from "../audit/search.ts";
import { InstancePage } from "../instances/instance-page.tsx";
import { InstancesPage } from "../instances/list-page.tsx";
import { instancesSearch } from "../instances/search.ts";
import { OverviewPage } from "../overview/overview-page.tsx";
import { NotFoundPage } from "../parts/not-found.tsx";
import { Failure } from "../parts/states.tsx";
import { previewSearch } from "../previews/reach.ts";
import { returnTo } from "../sign-in/ticket.ts";
import { HomePage } from "./home-page.tsx";
import { Shell } from "./shell.tsx";

const root = createRootRoute({ component: Outlet });
const home = createRoute({ getParentRoute: () => root, path: "/", component: HomePage });
const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>): { to?: string | undefined } => ({ to: returnTo(search["to"]) }),
  component: lazyRouteComponent(() => import("../sign-in/sign-in-page.tsx"), "SignInPage"),
});
const tenant = createRoute({ getParentRoute: () => root, path: "/t/$tenant", component: Shell });
const overview = createRoute({ getParentRoute: () => tenant, path: "/", component: OverviewPage });
const instances = createRoute({
  getParentRoute: () => tenant,
  path: "/instances",
  validateSearch: instancesSearch,
  component: InstancesPage,
});
const instance = createRoute({ getParentRoute: () => tenant, path: "/instances/$id/{-$tab}", component: InstancePage });
const create = createRoute({
  getParentRoute: () => tenant,
  path: "/create-instance",
  component: lazyRouteComponent(() => import("../create/create-page.tsx"), "CreatePage"),
});
const audit = createRoute({
  getParentRoute: () => tenant,
  path: "/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("../audit/audit-page.tsx"), "AuditPage"),
});
const consistency = createRoute({
  getParentRoute: () => tenant,
  path: "/consistency",
  validateSearch: ({ labels }: Record<string, unknown>): { labels?: string } => (typeof labels === "string" ? { labels } : {}),
  component: lazyRouteComponent(() => import("../consistency/consistency-page.tsx"), "ConsistencyPage"),
});
const preview = createRoute({
  getParentRoute: () => tenant,
  path: "/previews/$id",
  validateSearch: previewSearch,
  component: lazyRouteComponent(() => import("../previews/preview-page.tsx"), "PreviewPage"),
});
const tokens = createRoute({
  getParentRoute: () => tenant,
  path: "/tokens",
  component: lazyRouteComponent(() => import("../access/tokens-page.tsx"), "TokensPage"),
});
const sessions = createRoute({
  getParentRoute: () => tenant,
  path: "/sessions",
  component: lazyRouteComponent(() => import("../access/sessions-page.tsx"), "SessionsPage"),
});
const stacks = createRoute({
  getParentRoute: () => tenant,
  path: "/stacks/{-$stack}",
  component: lazyRouteComponent(() => import("../stacks/stacks-page.tsx"), "StacksPage"),
});
const resources = createRoute({
  getParentRoute: () => tenant,
  path: "/$kind",
  validateSearch: ({ q }: Record<string, unknown>): { q?: string } =>
    typeof q === "string" || typeof q === "number" ? { q: String(q) } : {},
  component: lazyRouteComponent(() => import("../resources/list-page.tsx"), "ResourcesPage"),
});
const resource = createRoute({
  getParentRoute: () => tenant,
  path: "/$kind/$name",
  component: lazyRouteComponent(() => import("../resources/resource-page.tsx"), "ResourcePage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    home,
    signIn,
    tenant.addChildren([overview, instances, instance, create, audit, consistency, preview, tokens, sessions, stacks, resources, resource]),
  ]),
  defaultPreload: "intent",
  defaultNotFoundComponent: NotFoundPage,
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} onRetry={reset} />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
