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
  RateLimitError,
  ServerError,
  TimeoutError,
  UserAbortError,
  ValidationError,
} from "./errors.ts";
export type { Page } from "./page.ts";
export { PagePromise } from "./page.ts";
export type { Chat, Duplex, InstanceStreams, Terminal } from "./streams.ts";
export type { Api, RequestOptions } from "./types.ts";
