import { z } from "zod";
import { ClusterInputSchema, ClusterPageSchema, ClusterSchema, DrainSchema } from "../cluster.ts";
import { LeftoverPageSchema } from "../leftover.ts";
import { ListQuerySchema } from "../meta.ts";
import { idParams as id, type Route, writeQuery } from "../route.ts";
import { EmptyRequestSchema } from "../service.ts";

export const clusterRoutes = {
  "clusters.list": {
    method: "GET",
    path: "/clusters",
    summary: "List clusters",
    scope: "platform",
    permission: "clusters.read",
    query: ListQuerySchema,
    success: 200,
    response: ClusterPageSchema,
  },
  "clusters.create": {
    method: "POST",
    path: "/clusters",
    summary: "Register a cluster",
    scope: "platform",
    permission: "clusters.write",
    query: writeQuery,
    body: ClusterInputSchema,
    success: 201,
    response: ClusterSchema,
    errors: ["cluster.name_taken"],
  },
  "clusters.get": {
    method: "GET",
    path: "/clusters/:id",
    summary: "Read a cluster",
    scope: "platform",
    permission: "clusters.read",
    params: id,
    success: 200,
    response: ClusterSchema,
    errors: ["cluster.not_found"],
  },
  "clusters.replace": {
    method: "PUT",
    path: "/clusters/:id",
    summary: "Replace a cluster's specification, its credentials too",
    scope: "platform",
    permission: "clusters.write",
    params: id,
    query: writeQuery,
    body: ClusterInputSchema,
    success: 200,
    response: ClusterSchema,
    errors: ["cluster.not_found"],
  },
  "clusters.delete": {
    method: "DELETE",
    path: "/clusters/:id",
    summary: "Unregister a cluster that no instance is on",
    scope: "platform",
    permission: "clusters.write",
    params: id,
    query: writeQuery.extend({
      forget: z.stringbool().optional().describe("when it can't be reached: let go of its instances too, and leave there what they have"),
    }),
    success: 204,
    errors: ["cluster.not_found", "cluster.in_use"],
  },
  "clusters.drain": {
    method: "POST",
    path: "/clusters/:id/drain",
    summary: "Close a cluster for new instances, and move those away whose data need not come along",
    scope: "platform",
    permission: "clusters.write",
    params: id,
    query: z.strictObject({
      dryRun: z.stringbool().optional().describe("answer what it would do and change nothing"),
      discardData: z.stringbool().optional().describe("also move instances whose data is deleted with them"),
    }),
    body: EmptyRequestSchema.optional(),
    success: 200,
    response: DrainSchema,
    errors: ["cluster.not_found", "resource.version_conflict"],
  },
  "leftovers.list": {
    method: "GET",
    path: "/leftovers",
    summary: "List what is on hosts and in clusters of instances that nobody knows",
    scope: "platform",
    permission: "clusters.read",
    query: ListQuerySchema.pick({ limit: true, cursor: true, fieldSelector: true }),
    success: 200,
    response: LeftoverPageSchema,
  },
} as const satisfies Record<string, Route>;
