import type { ListQuery } from "../../../../sdk/contract/index.ts";

/** As many as were asked for, and as fit into a page's bytes; one at least, when there is one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}
/** Which page of a list: the first, or the one after another. */
export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}
/** Id or name; a string with the resource's id prefix is an id. */
export type Ref = string;
/** Which of a list, and in which order. */
export type Selection = ListQuery & {
  /** Only these of them, where they are among them. */
  readonly uids?: readonly string[];
};
