import { Boxes, LayoutDashboard, type LucideIcon } from "lucide-react";
import type { Permission } from "../../../sdk/contract/permissions.ts";
import type { TextKey } from "./catalogue.ts";

/** A page of the navigation. A new area adds a line here, its routes in `router.tsx` and its texts in `catalogue.ts`. */
export interface Area {
  readonly to: "/t/$tenant" | "/t/$tenant/instances";
  readonly text: TextKey;
  readonly icon: LucideIcon;
  /** Whoever may not do this anywhere in the tenant is not shown it. */
  readonly permission: Permission;
  /** Behind `g`. */
  readonly key: string;
}

export const AREAS: readonly Area[] = [
  { to: "/t/$tenant", text: "app.overview", icon: LayoutDashboard, permission: "instances.read", key: "o" },
  { to: "/t/$tenant/instances", text: "app.instances", icon: Boxes, permission: "instances.read", key: "i" },
];
