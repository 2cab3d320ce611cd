import type { OpenChannel } from "./instances/open-channel.ts";
import type { Agents } from "./ports/instances/agents.ts";
import type { AdoptionOf } from "./ports/stacks/adoption.ts";
import type { StackAdministration } from "./ports/stacks/stack-operations.ts";
import type { PreviewDependencies } from "./resources/previews.ts";

/** Who did what to which stack. */
export interface AuditEntry {
  readonly action: string;
  readonly subject: string;
  readonly stack: string;
  readonly requestId: string;
}

/** What the use cases work with. */
export interface ApplicationDependencies extends PreviewDependencies {
  readonly agents: Agents;
  readonly openChannel: OpenChannel;
  readonly administration: StackAdministration;
  readonly adoptionOf: AdoptionOf;
  /** Puts what an operator does on record. */
  readonly audit: (entry: AuditEntry) => void;
  /** Tells the reconciler that desired state changed. A lost call costs time, never work. */
  readonly wake: () => void;
  readonly version: string;
  /** How long what nobody knows is left alone after it was found. */
  readonly sweepSeconds: number;
}
