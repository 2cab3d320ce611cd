import type { PlanId, Preview, TenantId } from "../../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../../domain/change.ts";
import type { PreviewPage } from "../../../domain/preview-pages.ts";

/** A stored preview: what was shown, the writes it stands for, and what they must resolve to when they are made. */
export interface Plan {
  readonly id: PlanId;
  readonly tenantId: TenantId;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly author: string;
  readonly changes: readonly PlannedChange[];
  /** `kind/tenant/name` → the id that a creation gets, so that apply creates what was shown. */
  readonly ids: Readonly<Record<string, string>>;
  /** `kind/tenant/name` → `resourceVersion/generation` that the preview was computed from; `absent` for creations. */
  readonly base: Readonly<Record<string, string>>;
  /** Digest of everything the changes resolve to. */
  readonly digest: string;
  readonly preview: Preview;
  readonly appliedAt: string | undefined;
}
export interface PlanRepository {
  /** @param pages those after the one that the plan's preview has */
  insert(plan: Plan, pages: readonly PreviewPage[]): Promise<void>;
  find(id: PlanId): Promise<Plan | undefined>;
  /** One of the pages that it was inserted with; an empty one for another cursor. @throws {preview.not_found} */
  getPage(id: PlanId, cursor: string): Promise<PreviewPage>;
  /** Forgets what has not been applied. */
  discardPending(): Promise<void>;
  markApplied(id: PlanId, at: string): Promise<void>;
}
