import { z } from "zod";
import { pageOf } from "./meta.ts";

export const LeftoverReason = {
  /** A volume, or a namespace with something of somebody's in it: data outlive their instance, so only people delete them. */
  UserData: "UserData",
  /** The host's folder is another control plane's, or this one's with another database. */
  OtherControlPlane: "OtherControlPlane",
  /** A network policy that somebody else put into a tenant's namespace: Kubernetes adds what it allows to what ours do. */
  NotDeclared: "NotDeclared",
} as const;
export type LeftoverReason = (typeof LeftoverReason)[keyof typeof LeftoverReason];

/** Something on a host or in a cluster that carries the mark of an instance, or a tenant, that nobody knows; or that others put where all is ours. */
export const LeftoverSchema = z.object({
  /** `RunFolder` and `PortClaim` on hosts, else the object's kind. */
  kind: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
  /** The cluster that it is in; `local` for hosts. */
  cluster: z.string(),
  /** The host and its folder, `name:/path`; absent for clusters. */
  host: z.string().optional(),
  /** Id of the instance that it was made for. */
  instance: z.string().optional(),
  /** Name of the tenant that it was made for, where it says. */
  tenant: z.string().optional(),
  /** When it was found first. */
  since: z.iso.datetime(),
  /** When it is ended, if nobody knows it still. Absent when it is left alone. */
  endsAt: z.iso.datetime().optional(),
  /** Why it is left alone. */
  keptFor: z.enum(LeftoverReason).optional(),
});
export type Leftover = z.infer<typeof LeftoverSchema>;

export const LeftoverPageSchema = pageOf(LeftoverSchema);
