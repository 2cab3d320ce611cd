/** As many as were asked for, and as fit into a page's bytes; one at least, when there is one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}
/** Id or name; a string with the resource's id prefix is an id. */
export type Ref = string;
