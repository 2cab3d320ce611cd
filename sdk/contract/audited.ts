/** What the audit log says of a field that changes: before and after; nothing; or that it changed, and not from what to what. */
export type AuditRule = "track" | "ignore" | "secret";

/** Rules of fields, or of fields of fields; of a list, those of its items. */
export type AuditRules = AuditRule | { readonly [field: string]: AuditRules };

type Scalar = string | number | boolean | null;
type KeysOf<T> = T extends unknown ? keyof T : never;
type ValueOf<T, K> = T extends unknown ? (K extends keyof T ? T[K] : never) : never;

/** A rule for each field of `T`. What has no fields of its own, or any, has one rule. */
export type Audited<T> = unknown extends T
  ? AuditRule
  : [Extract<T, Scalar>] extends [never]
    ? [T] extends [readonly (infer Item)[]]
      ? Audited<Item>
      : string extends KeysOf<T>
        ? AuditRule
        : { readonly [K in KeysOf<T> & string]: Audited<NonNullable<ValueOf<T, K>>> }
    : AuditRule;

/** What every resource has besides. Annotations are whatever somebody's tools write there. */
export const auditedMetadata = { labels: "track", annotations: "secret" } as const satisfies AuditRules;
