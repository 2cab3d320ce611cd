import type resourcePb from "@pulumi/pulumi/proto/resource_pb.js";
import { isProviderType, packageOf, parseReference, parseUrn, providerPackage } from "../contract/urn.ts";
import type { Goal } from "./steps.ts";

/** A resource that others are below. */
export interface Above {
  readonly goal: Goal;
  /** What its children use, by package. */
  readonly providers: ReadonlyMap<string, string>;
}

/** What a resource has of its parent belongs to the options that transforms see. */
export function inheritOptions(request: resourcePb.RegisterResourceRequest, above: Above | undefined): void {
  const isCustom = request.getCustom() && !isProviderType(request.getType());
  const packageName = isCustom ? packageOf(request.getType()) : "";
  if (above) {
    const { protect, retainOnDelete, deletedWith, provider } = above.goal;
    if (protect !== undefined && !request.hasProtect()) {
      request.setProtect(protect);
    }
    if (retainOnDelete !== undefined && !request.hasRetainondelete()) {
      request.setRetainondelete(retainOnDelete);
    }
    if (deletedWith && !request.getDeletedwith()) {
      request.setDeletedwith(deletedWith);
    }
    const isOfPackage = provider && providerPackage(parseUrn(parseReference(provider).urn).type) === packageName;
    if (isCustom && isOfPackage && !request.getProvider()) {
      request.setProvider(provider);
    }
  }
  if (isCustom && !request.getProvider()) {
    request.setProvider(request.getProvidersMap().get(packageName) ?? above?.providers.get(packageName) ?? "");
  }
}
