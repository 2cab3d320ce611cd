import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { SearchX } from "lucide-react";
import { InstancePage } from "../instances/instance-page.tsx";
import { InstancesPage } from "../instances/list-page.tsx";
import { instancesSearch } from "../instances/search.ts";
import { OverviewPage } from "../overview/overview-page.tsx";
import { Icon } from "../parts/icon.tsx";
import { Empty, Failure } from "../parts/states.tsx";
import { returnTo } from "../sign-in/ticket.ts";
import { HomePage } from "./home-page.tsx";
import { useTexts } from "./preferences.ts";
import { Shell } from "./shell.tsx";

function NotFoundPage() {
  const t = useTexts();
  return (
    <Empty icon={<Icon of={SearchX} size={20} />} title={t("app.notFoundTitle")}>
      <p>{t("app.notFoundHelp")}</p>
      <a href="/" className="text-accent hover:underline">
        {t("app.toOverview")}
      </a>
    </Empty>
  );
}

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

export const router = createRouter({
  routeTree: root.addChildren([home, signIn, tenant.addChildren([overview, instances, instance])]),
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
