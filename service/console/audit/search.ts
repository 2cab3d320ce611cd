/** What the address of the audit log says. */
export interface AuditSearch {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
  readonly result?: "success" | "refused" | undefined;
}

export function auditSearch(search: Readonly<Record<string, unknown>>): AuditSearch {
  const text = (value: unknown) =>
    typeof value === "string" || typeof value === "number" ? String(value).slice(0, 512) || undefined : undefined;
  const { result } = search;
  return {
    actor: text(search["actor"]),
    action: text(search["action"]),
    resource: text(search["resource"]),
    result: result === "success" || result === "refused" ? result : undefined,
  };
}
