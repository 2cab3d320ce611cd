import {
  AbortRequestSchema,
  abortAction,
  approveAction,
  pauseAction,
  RetryRequestSchema,
  RolloutInputSchema,
  RolloutInstancePageSchema,
  RolloutInstanceQuerySchema,
  RolloutPageSchema,
  RolloutSchema,
  resumeAction,
  retryAction,
  rolloutFacts,
} from "../rollout.ts";
import { admission, idParams as id, type Route, writeQuery } from "../route.ts";
import { plainRoutes } from "./plain-routes.ts";

const act = { method: "POST", scope: "tenant", params: id, query: writeQuery, success: 202, response: RolloutSchema } as const;
const refusals = ["rollout.not_found", "rollout.wrong_phase"] as const;

export const rolloutRoutes = {
  ...plainRoutes(
    "rollouts",
    "/rollouts",
    rolloutFacts,
    { input: RolloutInputSchema, one: RolloutSchema, page: RolloutPageSchema },
    [
      ...admission,
      "config.not_found",
      "config.version_not_found",
      "instance.unknown_type",
      "rollout.overlaps",
      "rollout.empty",
      "rollout.unchangeable",
    ],
    ["rollout.active"],
  ),
  "rollouts.instances": {
    method: "GET",
    path: "/rollouts/:id/instances",
    summary: "List the instances of a rollout, and how far each is",
    scope: "tenant",
    permission: "rollouts.read",
    params: id,
    query: RolloutInstanceQuerySchema,
    success: 200,
    response: RolloutInstancePageSchema,
    errors: ["rollout.not_found"],
  },
  "rollouts.pause": {
    ...act,
    path: "/rollouts/:id/pause",
    summary: "Change no more instances until it is resumed",
    permission: pauseAction.permission,
    errors: refusals,
  },
  "rollouts.resume": {
    ...act,
    path: "/rollouts/:id/resume",
    summary: "Go on with a paused rollout",
    permission: resumeAction.permission,
    errors: refusals,
  },
  "rollouts.approve": {
    ...act,
    path: "/rollouts/:id/approve",
    summary: "Let the next wave begin",
    permission: approveAction.permission,
    errors: refusals,
  },
  "rollouts.abort": {
    ...act,
    path: "/rollouts/:id/abort",
    summary: "End a rollout; with 'rollback', instances get back what they had",
    permission: abortAction.permission,
    body: AbortRequestSchema.prefault({}),
    errors: refusals,
  },
  "rollouts.retry": {
    ...act,
    path: "/rollouts/:id/retry",
    summary: "Try the instances that failed once more, or one of them, and go on",
    permission: retryAction.permission,
    body: RetryRequestSchema.prefault({}),
    errors: [...refusals, "instance.not_found"],
  },
} as const satisfies Record<string, Route>;
