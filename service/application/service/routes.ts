import { API_VERSION, ConditionType, redact } from "../../../sdk/contract/index.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { RouteHandlers } from "../resources/route-handlers.ts";

const CLUSTERS_MAX = 200;

type ServiceRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `service.${string}`>>;

export function serviceRoutes(deps: ApplicationDependencies): ServiceRoutes {
  return {
    "service.version": async () => ({ version: deps.version, apiVersion: API_VERSION }),
    "service.status": async () => {
      const startedMs = performance.now();
      const [replicas, clusters] = await deps.transactions.platform(async (tx) => [
        await tx.replicas.list(),
        (await tx.clusters.list({ limit: CLUSTERS_MAX })).items,
      ]);
      const { circuits, ...vitals } = deps.vitals();
      return {
        version: deps.version,
        ...vitals,
        database: { milliseconds: Math.round(performance.now() - startedMs) },
        replicas: [...replicas],
        clusters: clusters.map(({ name, state }) => ({
          name,
          reachable: state.reachable,
          reason: state.conditions.find(({ type }) => type === ConditionType.Reachable)?.reason,
        })),
        dependencies: circuits.map(({ message, ...circuit }) => ({
          ...circuit,
          ...(message !== undefined && { message: redact(message) }),
        })),
      };
    },
  };
}
