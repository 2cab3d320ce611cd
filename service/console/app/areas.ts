import {
  BookType,
  Boxes,
  Building2,
  FileCode,
  FolderTree,
  GitCompare,
  KeyRound,
  Layers,
  LayoutDashboard,
  LockKeyhole,
  type LucideIcon,
  Network,
  Rocket,
  ScrollText,
  Shapes,
  ShieldCheck,
  SlidersHorizontal,
  Ticket,
  Users,
} from "lucide-react";
import type { Permission } from "../../../sdk/contract/permissions.ts";
import type { TextKey } from "./catalogue.ts";

/** A page of the navigation. A new area adds a line here, its routes in `router.tsx` and its texts in `catalogue.ts`. */
export interface Area {
  readonly to:
    | "/t/$tenant"
    | "/t/$tenant/instances"
    | "/t/$tenant/audit"
    | "/t/$tenant/consistency"
    | "/t/$tenant/tokens"
    | "/t/$tenant/stacks/{-$stack}"
    | "/t/$tenant/$kind";
  /** Of resources: which, as their address has it. */
  readonly kind?: string;
  readonly text: TextKey;
  readonly icon: LucideIcon;
  /** Whoever may not do this anywhere in the tenant is not shown it. */
  readonly permission: Permission;
  /** Behind `g`. */
  readonly key?: string;
}

export interface AreaGroup {
  readonly text: TextKey | undefined;
  readonly areas: readonly Area[];
}

const kind = (path: string, text: TextKey, icon: LucideIcon, permission: Permission, key?: string): Area => ({
  to: "/t/$tenant/$kind",
  kind: path,
  text,
  icon,
  permission,
  ...(key !== undefined && { key }),
});

export const GROUPS: readonly AreaGroup[] = [
  {
    text: undefined,
    areas: [
      { to: "/t/$tenant", text: "app.overview", icon: LayoutDashboard, permission: "instances.read", key: "o" },
      { to: "/t/$tenant/instances", text: "app.instances", icon: Boxes, permission: "instances.read", key: "i" },
    ],
  },
  {
    text: "app.configuration",
    areas: [
      kind("configs", "resources.templates", FileCode, "configs.read", "c"),
      kind("config-values", "resources.values", SlidersHorizontal, "values.read", "v"),
      kind("secrets", "resources.secrets", LockKeyhole, "secrets.read"),
      kind("rollouts", "resources.rollouts", Rocket, "rollouts.read", "r"),
      { to: "/t/$tenant/consistency", text: "consistency.title", icon: GitCompare, permission: "instances.read", key: "d" },
      kind("claw-types", "resources.types", Shapes, "types.read"),
    ],
  },
  {
    text: "app.tenant",
    areas: [
      kind("projects", "resources.projects", FolderTree, "projects.read", "p"),
      kind("policies", "resources.policies", ShieldCheck, "policies.read"),
      kind("roles", "resources.roles", BookType, "access.read"),
      kind("role-bindings", "resources.bindings", Users, "access.read"),
      kind("service-accounts", "resources.accounts", KeyRound, "access.read"),
      { to: "/t/$tenant/tokens", text: "access.tokens", icon: Ticket, permission: "access.read" },
      { to: "/t/$tenant/audit", text: "audit.title", icon: ScrollText, permission: "audit.read", key: "a" },
    ],
  },
  {
    text: "app.platform",
    areas: [
      kind("tenants", "resources.tenants", Building2, "tenants.write"),
      kind("clusters", "resources.clusters", Network, "clusters.read"),
      { to: "/t/$tenant/stacks/{-$stack}", text: "stacks.title", icon: Layers, permission: "stacks.read" },
    ],
  },
];

export const AREAS: readonly Area[] = GROUPS.flatMap(({ areas }) => areas);
