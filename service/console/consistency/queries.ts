import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { claw } from "../app/claw.ts";

/** Each look asks the claw. */
const LOOK_MS = 5_000;
const PAGE = 50;

export const consistencyQuery = (tenant: string, id: string) =>
  queryOptions({
    queryKey: [tenant, "instance", id, "consistency"],
    queryFn: ({ signal }) => claw(tenant).instances.consistency(id, { signal }),
    refetchInterval: LOOK_MS,
  });

/** Of a fleet, when somebody wants to know: each page asks its claws. */
export const fleetConsistencyQuery = (tenant: string, labelSelector: string) =>
  infiniteQueryOptions({
    queryKey: [tenant, "consistency", labelSelector],
    queryFn: async ({ signal, pageParam }) =>
      claw(tenant).instances.check(
        { limit: PAGE, ...(labelSelector !== "" && { labelSelector }), ...(pageParam !== "" && { cursor: pageParam }) },
        { signal },
      ),
    initialPageParam: "",
    getNextPageParam: ({ nextCursor }) => nextCursor,
    retry: false,
  });
