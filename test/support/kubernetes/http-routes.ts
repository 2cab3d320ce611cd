import { onTestFinished } from "vitest";
import { until } from "../agent/harness.ts";
import type { ApiClient } from "./api-client.ts";

const GROUP = "gateway.networking.k8s.io";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const name = `httproutes.${GROUP}`;

/** The kind of routes that a cluster with the Gateway API has; its own definition says more of what they may hold. */
export const httpRoutes = {
  group: `${GROUP}/v1`,
  /** Defines the kind for one test. */
  async install(api: ApiClient): Promise<void> {
    onTestFinished(() => api.delete(`${DEFINITIONS}/${name}`));
    await api.apply(
      `${DEFINITIONS}/${name}`,
      {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        // The group is one of Kubernetes' own: its definitions say who approved them.
        metadata: { name, annotations: { "api-approved.kubernetes.io": "unapproved, for a test" } },
        spec: {
          group: GROUP,
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
    await until(async () => (await api.send("GET", `/apis/${GROUP}/v1/httproutes`)).status === 200, "routes are served");
  },
};
