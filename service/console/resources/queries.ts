import { queryOptions } from "@tanstack/react-query";
import { claw } from "../app/claw.ts";
import type { AnyResource, KindView } from "./kinds.ts";

const PAGE = 500;
const LISTED_MAX = 5_000;
const LOOK_MS = 5_000;

export const resourcesQuery = (tenant: string, view: KindView) =>
  queryOptions({
    queryKey: [tenant, "resources", view.path],
    queryFn: async ({ signal }): Promise<readonly AnyResource[]> => {
      const items: AnyResource[] = [];
      for await (const page of view.reads(claw(tenant)).list({ limit: PAGE, sort: "metadata.name" }, { signal }).pages()) {
        items.push(...(page.items as readonly AnyResource[]));
        if (items.length >= LISTED_MAX) {
          break;
        }
      }
      return items;
    },
    refetchInterval: LOOK_MS,
  });

export const resourceQuery = (tenant: string, view: KindView, name: string) =>
  queryOptions({
    queryKey: [tenant, "resources", view.path, name],
    queryFn: async ({ signal }) => (await view.reads(claw(tenant)).get(name, { signal })) as AnyResource,
    refetchInterval: LOOK_MS,
  });

export const versionsQuery = (tenant: string, template: string) =>
  queryOptions({
    queryKey: [tenant, "resources", "configs", template, "versions"],
    queryFn: async ({ signal }) => (await claw(tenant).configs.versions(template, { limit: 100 }, { signal })).items,
    refetchInterval: LOOK_MS,
  });
