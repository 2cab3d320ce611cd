import { useQuery } from "@tanstack/react-query";
import { Navigate } from "@tanstack/react-router";
import { Building2 } from "lucide-react";
import { Code } from "../parts/code.tsx";
import { Icon } from "../parts/icon.tsx";
import { Empty, Failure, Skeleton } from "../parts/states.tsx";
import { isSignedOut, tenantsQuery } from "./claw.ts";
import { lastTenant, useTexts } from "./preferences.ts";

/** Leads to the tenant that was looked at last, or to signing in. */
export function HomePage() {
  const t = useTexts();
  const tenants = useQuery(tenantsQuery());
  if (!tenants.data) {
    return tenants.error && !isSignedOut(tenants.error) ? (
      <Failure error={tenants.error} onRetry={() => void tenants.refetch()} />
    ) : (
      <Skeleton lines={6} className="p-6" />
    );
  }
  const last = lastTenant();
  const own = tenants.data.filter((name) => name !== "default");
  const tenant = last !== undefined && tenants.data.includes(last) ? last : (own[0] ?? tenants.data[0]);
  return tenant === undefined ? (
    <main>
      <Empty icon={<Icon of={Building2} size={20} />} title={t("app.noTenants")}>
        <p>{t("app.noTenantsHelp")}</p>
        <Code label="claw" text="claw create tenant acme" />
      </Empty>
    </main>
  ) : (
    <Navigate to="/t/$tenant" params={{ tenant }} replace />
  );
}
