import { z } from "zod";
import {
  ClawInstanceInputSchema,
  ClawInstancePageSchema,
  ClawInstanceSchema,
  ConsoleAddressSchema,
  ConsoleRequestSchema,
  InstanceEventPageSchema,
  InstanceLogsSchema,
} from "../instance.ts";
import { ListQuerySchema } from "../meta.ts";
import { admission, idParams as id, placing, type Route, writeQuery } from "../route.ts";
import { EmptyRequestSchema } from "../service.ts";
import { TailLinesSchema } from "../streams.ts";

const accepted = { scope: "tenant", success: 202, response: ClawInstanceSchema, query: writeQuery } as const;
const instanceWrite = { ...accepted, permission: "instances.write" } as const;
const instanceAction = { ...accepted, permission: "instances.operate" } as const;
const actionBody = EmptyRequestSchema.optional();

export const instanceRoutes = {
  "instances.list": {
    method: "GET",
    path: "/instances",
    summary: "List instances",
    scope: "tenant",
    permission: "instances.read",
    query: ListQuerySchema,
    success: 200,
    response: ClawInstancePageSchema,
  },
  "instances.create": {
    method: "POST",
    path: "/instances",
    summary: "Create an instance",
    body: ClawInstanceInputSchema,
    ...instanceWrite,
    errors: ["instance.name_taken", "instance.unknown_type", ...admission, ...placing],
  },
  "instances.get": {
    method: "GET",
    path: "/instances/:id",
    summary: "Read an instance",
    scope: "tenant",
    permission: "instances.read",
    params: id,
    success: 200,
    response: ClawInstanceSchema,
    errors: ["instance.not_found"],
  },
  "instances.replace": {
    method: "PUT",
    path: "/instances/:id",
    summary: "Replace an instance's specification",
    params: id,
    body: ClawInstanceInputSchema,
    ...instanceWrite,
    errors: ["instance.not_found", "instance.name_taken", "instance.unknown_type", ...admission, ...placing],
  },
  "instances.delete": {
    method: "DELETE",
    path: "/instances/:id",
    summary: "Destroy an instance",
    params: id,
    ...instanceWrite,
    query: writeQuery.extend({
      purgeData: z.stringbool().optional().describe("also delete its data directory"),
      forget: z.stringbool().optional().describe("when its cluster can't be reached: let go of it at once, and leave there what it has"),
    }),
    errors: ["instance.not_found"],
  },
  "instances.start": {
    method: "POST",
    path: "/instances/:id/start",
    summary: "Start an instance",
    params: id,
    body: actionBody,
    ...instanceAction,
    errors: ["instance.not_found", "instance.name_taken", ...admission],
  },
  "instances.stop": {
    method: "POST",
    path: "/instances/:id/stop",
    summary: "Stop an instance, letting a turn in flight finish",
    params: id,
    body: actionBody,
    ...instanceAction,
    errors: ["instance.not_found", "instance.name_taken", ...admission],
  },
  "instances.restart": {
    method: "POST",
    path: "/instances/:id/restart",
    summary: "Restart an instance",
    params: id,
    body: actionBody,
    ...instanceAction,
    errors: ["instance.not_found", "instance.name_taken", ...admission],
  },
  "instances.kill": {
    method: "POST",
    path: "/instances/:id/kill",
    summary: "Kill an instance's processes at once and keep it stopped",
    params: id,
    body: actionBody,
    ...instanceAction,
    errors: ["instance.not_found", "instance.name_taken", "instance.unreachable", ...admission],
  },
  "instances.logs": {
    method: "GET",
    path: "/instances/:id/logs",
    summary: "Read the last log lines",
    params: id,
    query: z.strictObject({ tailLines: TailLinesSchema }),
    scope: "tenant",
    permission: "instances.logs",
    success: 200,
    response: InstanceLogsSchema,
    errors: ["instance.not_found", "instance.unreachable"],
  },
  "instances.events": {
    method: "GET",
    path: "/instances/:id/events",
    summary: "List an instance's events, newest first",
    params: id,
    query: ListQuerySchema.pick({ limit: true, cursor: true }),
    scope: "tenant",
    permission: "instances.read",
    success: 200,
    response: InstanceEventPageSchema,
    errors: ["instance.not_found"],
  },
  "instances.console": {
    method: "POST",
    path: "/instances/:id/console",
    summary: "Open a terminal: answers the WebSocket path to connect to",
    params: id,
    body: ConsoleRequestSchema.prefault({}),
    scope: "tenant",
    permission: "instances.console",
    success: 201,
    response: ConsoleAddressSchema,
    errors: ["instance.not_found", "instance.not_running", "instance.unreachable"],
  },
} as const satisfies Record<string, Route>;
