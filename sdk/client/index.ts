/** The TypeScript client of Open Cluster Claw. No dependencies at run time; types come from the contract. */
export type { ClawOptions } from "./client.ts";
export { Claw } from "./client.ts";
export {
  ApiError,
  AuthError,
  BadRequestError,
  ClawClientError,
  ConflictError,
  ConnectionError,
  ForbiddenError,
  NotFoundError,
  PlanRefusedError,
  RateLimitError,
  ServerError,
  TimeoutError,
  UserAbortError,
  ValidationError,
  WaitError,
  WaitTimeoutError,
} from "./errors.ts";
export type {
  ConnectOptions,
  FleetChange,
  FollowLogsOptions,
  InstanceStreams,
  Metrics,
  WaitOptions,
  WatchAllOptions,
  WatchOptions,
} from "./instance.ts";
export { Instance } from "./instance.ts";
export type { Page } from "./page.ts";
export { PagePromise } from "./page.ts";
export { Plan } from "./plan.ts";
export type { Progress, WaitGoal } from "./progress.ts";
export { progressOf } from "./progress.ts";
export type { Chat, Duplex, Terminal } from "./sessions.ts";
export type { RequestOptions, TokenSource } from "./transport.ts";
export type { Api } from "./types.ts";
