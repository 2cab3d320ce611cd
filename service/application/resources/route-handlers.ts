import type { z } from "zod";
import type { Permission, Preview, Route, RouteId, routes, TenantId } from "../../../sdk/contract/index.ts";
import type { Actor } from "../../domain/access/actor.ts";

/** What a use case knows of the request it serves. */
export interface RequestContext {
  readonly actor: Actor;
  /** The tenant that the request is about: from the credential, `X-Claw-Tenant`, or the manifest's namespace. Undefined on platform routes. */
  readonly tenant: { readonly id: TenantId; readonly name: string } | undefined;
  /** What the route takes, in the place of what it is about. */
  readonly permission?: Permission | undefined;
  readonly requestId: string;
  readonly ifMatch: IfMatch | undefined;
  /** Tells whoever asks of something that is done all the same. Absent where nobody is answered. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Throws when an answer can't be given: asked before what it tells of is committed. Absent where nobody is answered. */
  readonly assertAnswerable?: (answer: unknown) => void;
}

/** The `If-Match` header: the resource versions that the write may be made on, or any at all. */
export type IfMatch = "*" | readonly string[];

type Output<S> = S extends z.ZodType ? z.output<S> : undefined;
type Part<R, K extends string> = R extends Readonly<Record<K, infer S>> ? Output<S> : undefined;

/** The parsed parts of a route's request. */
export type RouteInput<R extends Route> = {
  readonly params: Part<R, "params">;
  readonly query: Part<R, "query">;
  readonly body: R extends { takesFile: true } ? ReceivedFile : Part<R, "body">;
} & (R extends { answersFile: true } ? { readonly answer: AnswerFile } : unknown);

/** A body that was written to a file as it came. It is there until the request is answered. */
export interface ReceivedFile {
  readonly path: string;
}

/** Where an answer is written that is sent as a file. Nobody else can read it, and it is gone once it is sent. */
export interface AnswerFile {
  readonly path: string;
}

/** A write that is asked for as a preview answers that. */
export type RouteOutput<R extends Route> = R extends { answersFile: true }
  ? undefined
  : Part<R, "response"> | ("preview" extends keyof Part<R, "query"> ? Preview : never);

/** One use case per route: what `http` registers under the route's method and path. Throws `ClawError`. */
export type RouteHandlers = {
  readonly [K in RouteId]: (ctx: RequestContext, input: RouteInput<(typeof routes)[K]>) => Promise<RouteOutput<(typeof routes)[K]>>;
};
