import type { Claw, PagePromise } from "../../client/index.ts";
import type { Condition, KindFacts, ManifestKind, Permission, Resource } from "../../contract/index.ts";
import type { Context } from "../context.ts";
import { formatAge } from "../output/age.ts";
import type { View } from "../output/printer.ts";
import type { Column } from "../output/table.ts";

type ListQuery = NonNullable<Parameters<Claw["instances"]["list"]>[0]>;

type AreaOf<P extends Permission> = P extends `${infer Area}.write` ? Area : never;

/** A kind of resource: what it is called, how it is shown, and the calls of its area. */
export interface ResourceKind<T extends Resource = Resource> extends View<T> {
  readonly kind: ManifestKind;
  /** As the contract's facts of the kind say: they come with its schemas, which the command line does without. */
  readonly scope: KindFacts["scope"];
  /** What its permissions begin with: the facts' `access` again. */
  readonly permissions: AreaOf<Permission>;
  readonly word: string;
  readonly aliases: readonly string[];
  list(claw: Claw, query: ListQuery, signal: AbortSignal): PagePromise<T>;
  get(claw: Claw, name: string, signal: AbortSignal): Promise<T>;
  /** What `claw describe` says of it alone: a label and a value, or none. */
  facts?(resource: T): readonly Fact[];
  /** What `claw describe` adds before and after the specification. */
  readonly sections?: {
    before?(context: Context, resource: T): Promise<void>;
    after?(context: Context, resource: T): Promise<void>;
  };
  /** Whether it runs: it is waited for, its removal takes a while, and data may go with it. */
  readonly runs?: true;
}
export type Fact = readonly [label: string, value: string | undefined];

export function condition(item: { status: { conditions: readonly Condition[] } }, type: string): Condition | undefined {
  return item.status.conditions.find((c) => c.type === type);
}

export const nameColumn: Column<Resource> = { header: "NAME", value: (r) => r.metadata.name };
export const ageColumn: Column<Resource> = { header: "AGE", value: (r) => formatAge(r.metadata.createdAt) };
export const wideColumns: readonly Column<Resource>[] = [
  {
    header: "LABELS",
    wide: true,
    value: (r) =>
      Object.entries(r.metadata.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(",") || "-",
  },
  { header: "UID", wide: true, value: (r) => r.metadata.uid },
];
