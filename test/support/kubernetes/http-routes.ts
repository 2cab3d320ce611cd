import { onTestFinished } from "vitest";
import { until } from "../agent/harness.ts";
import type { ApiClient } from "./api-client.ts";

const group = "gateway.networking.k8s.io";
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const name = `httproutes.${group}`;

/** The kind of routes that a cluster with the Gateway API has; its own definition says more of what they may hold. */
export const httpRoutes = {
  group: `${group}/v1`,
  /** Defines the kind for one test. */
  async install(api: ApiClient): Promise<void> {
    onTestFinished(() => api.delete(`${definitions}/${name}`));
    await api.apply(
      `${definitions}/${name}`,
      {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        // The group is one of Kubernetes' own: its definitions say who approved them.
        metadata: { name, annotations: { "api-approved.kubernetes.io": "unapproved, for a test" } },
        spec: {
          group,
          scope: "Namespaced",
          names: { kind: "HTTPRoute", plural: "httproutes", singular: "httproute", listKind: "HTTPRouteList" },
          versions: [
            {
              name: "v1",
              served: true,
              storage: true,
              schema: {
                openAPIV3Schema: {
                  type: "object",
                  properties: {
                    spec: {
                      type: "object",
                      properties: { hostnames: { type: "array", items: { type: "string" } } },
                      "x-kubernetes-preserve-unknown-fields": true,
                    },
                  },
                },
              },
            },
          ],
        },
      },
      "tests",
      true,
    );
    await until(async () => (await api.send("GET", `/apis/${group}/v1/httproutes`)).status === 200, "routes are served");
  },
};
