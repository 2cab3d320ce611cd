import type { z } from "zod";
import type { ClawInstance, Preview, Route, RouteId, routes } from "../contract/index.ts";
import type { Instance } from "./instance.ts";
import type { PagePromise } from "./page.ts";
import type { Plan } from "./plan.ts";
import type { InputOf, OutputOf } from "./routes.ts";
import type { RequestOptions } from "./transport.ts";

type Routes = typeof routes;
type Query<R extends Route> = R extends { query: z.ZodType<infer Q> } ? Partial<Q> : unknown;
type Body<R extends Route> = R extends { body: infer B extends z.ZodType } ? z.input<B> : never;
type Output<R extends Route> = R extends { response: z.ZodType<infer T> } ? Handled<T> : undefined;
/** Instances and previews come with the methods of their handles. */
type Handled<T> = T extends ClawInstance
  ? Instance
  : T extends Preview
    ? Plan
    : T extends { items: ClawInstance[] }
      ? { items: Instance[] }
      : T;

type Params<R extends Route> = R extends { params: z.ZodObject } ? [id: string] : [];
type Input<R extends Route> =
  InputOf<R> extends "body"
    ? undefined extends Body<R>
      ? [input?: Body<R>]
      : [input: Body<R>]
    : InputOf<R> extends "query"
      ? [query?: Query<R>]
      : [];
/** A write's query is part of its options: `instances.delete("web", { purgeData: true })`. */
type Options<R extends Route> = RequestOptions & (R["method"] extends "GET" ? unknown : Query<R>);

type Result<R extends Route> =
  OutputOf<R> extends "page" | "instances" ? (Output<R> extends { items: (infer T)[] } ? PagePromise<T> : never) : Promise<Output<R>>;

/** A write that can be asked for as a preview answers the preview when it is. */
interface PreviewableMethod<R extends Route> {
  (...args: [...Params<R>, ...Required<Input<R>>, options: Options<R> & { preview: true }]): Promise<Plan>;
  (...args: [...Params<R>, ...Input<R>, options?: Options<R> & { preview?: false }]): Promise<Output<R>>;
  (...args: [...Params<R>, ...Input<R>, options?: Options<R>]): Promise<Output<R> | Plan>;
}

type Method<R extends Route> = "preview" extends keyof Query<R>
  ? PreviewableMethod<R>
  : (...args: [...Params<R>, ...Input<R>, options?: Options<R>]) => Result<R>;

type Area = RouteId extends infer Op ? (Op extends `${infer A}.${string}` ? A : never) : never;

/** The routes as methods: `instances.list` is `api.instances.list(query?, options?)`. */
export type Api = {
  readonly [A in Area]: {
    readonly [Op in RouteId as Op extends `${A}.${infer Verb}` ? Verb : never]: Method<Routes[Op]>;
  };
};
