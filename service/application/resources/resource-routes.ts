import type { ListQuery, ManifestKind, ManifestOf, Preview, ResourceOf } from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { StoredResource } from "../../domain/resource.ts";
import type { PlatformTransaction } from "../ports/transactions.ts";
import type { ResourceKind, Written } from "./kind.ts";
import { applied, assertSameName, type RequestDependencies, type WriteQuery, writeOrPreview } from "./requests.ts";
import type { RequestContext } from "./route-handlers.ts";
import { homeIn } from "./tenant-in.ts";

/** A request about one resource. */
export interface Named {
  readonly params: { readonly id: string };
}
/** A request for a write, or for its preview. */
export interface Asked {
  readonly query: WriteQuery;
}

/** The routes that every kind has. @param meaning of what is written with them, beside what the methods say */
export function resourceRoutes<K extends ManifestKind, S extends StoredResource>(
  kind: ResourceKind<K, S>,
  deps: RequestDependencies,
  meaning: Pick<PlannedChange, "draft"> = {},
) {
  const present = async (written: Written, tx: PlatformTransaction): Promise<ResourceOf<K>> => {
    const shown = await kind.presentWritten(tx, written);
    if (!shown) {
      throw new Error(`nothing is left of ${kind.kind} '${written.name}' to answer`);
    }
    return shown;
  };
  const write = (ctx: RequestContext, query: Asked["query"], change: PlannedChange): Promise<ResourceOf<K> | Preview> =>
    writeOrPreview(ctx, query, change, deps, present);
  const nameOf = async (ctx: RequestContext, { params }: Named) => (await kind.get(ctx, deps.transactions, params.id)).name;
  const remove = async (ctx: RequestContext, input: Named & Asked, how: { readonly forget?: boolean } = {}) => {
    const name = await nameOf(ctx, input);
    const tenant = homeIn(ctx, kind.kind, name);
    return writeOrPreview(ctx, input.query, { action: "delete", kind: kind.kind, name, tenant, ...how }, deps, () => undefined);
  };
  return {
    /** Writes one and answers it, or a preview. */
    write,
    nameOf,
    list: (ctx: RequestContext, { query }: { readonly query: ListQuery }) => kind.list(ctx, deps.transactions, query),
    get: (ctx: RequestContext, { params }: Named) => kind.show(ctx, deps.transactions, params.id),
    create: (ctx: RequestContext, { body, query }: Asked & { readonly body: ManifestOf<K> }) =>
      write(ctx, query, applied(ctx, body, { expect: "absent", ...meaning })),
    async replace(ctx: RequestContext, { params, body, query }: Named & Asked & { readonly body: ManifestOf<K> }) {
      assertSameName(body, await kind.get(ctx, deps.transactions, params.id));
      return write(ctx, query, applied(ctx, body, { expect: "present", ...meaning }));
    },
    delete: (ctx: RequestContext, input: Named & Asked) => remove(ctx, input),
    remove,
  };
}
