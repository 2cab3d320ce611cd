import type { SignInProvider } from "../../sdk/contract/index.ts";
import type { Tallies } from "../domain/tallies.ts";
import type { ConfigChecks } from "./instances/config-checks.ts";
import type { Unconfined } from "./instances/host-use.ts";
import type { OpenChannel } from "./instances/open-channel.ts";
import type { InstanceOrigins } from "./instances/visits.ts";
import type { AuditSigner } from "./ports/audit/audit-signer.ts";
import type { Agents } from "./ports/instances/agents.ts";
import type { ClawTypes } from "./ports/instances/claw-adapter.ts";
import type { Runtimes } from "./ports/runtimes/runtime.ts";
import type { SecretCipher } from "./ports/secrets/secret-cipher.ts";
import type { SecretSources } from "./ports/secrets/secret-sources.ts";
import type { Vitals } from "./ports/service/vitals.ts";
import type { AdoptionOf } from "./ports/stacks/adoption.ts";
import type { StackAdministration, StackOperations } from "./ports/stacks/stack-operations.ts";
import type { Transactions } from "./ports/transactions.ts";
import type { RequestDependencies } from "./resources/requests.ts";

/** What the application is given from outside. */
export interface OuterDependencies {
  readonly runtimes: Runtimes;
  readonly cipher: SecretCipher;
  readonly secretSources: SecretSources;
  readonly transactions: Transactions;
  readonly stacks: StackOperations;
  readonly administration: StackAdministration;
  readonly types: ClawTypes;
  readonly checks: ConfigChecks;
  readonly agents: Agents;
  readonly openChannel: OpenChannel;
  /** Undefined: instances have none. */
  readonly origins: InstanceOrigins | undefined;
  readonly adoptionOf: AdoptionOf;
  readonly clock: () => Date;
  /** Where claws of this host are not confined: why, and what would mend it. */
  readonly unconfined?: Unconfined | undefined;
  /** Whether claws of this host reach a Docker engine. */
  readonly hasDocker: boolean;
  /** The identity providers by which people sign in. */
  readonly signIn: readonly SignInProvider[];
  readonly auditSigner: AuditSigner;
  readonly tallies: Pick<Tallies, "count">;
  /** Tells the reconciler that desired state changed. A lost call costs time, never work. */
  readonly wake: () => void;
  readonly version: string;
  readonly vitals: () => Vitals;
  /** How long what nobody knows is left alone after it was found. */
  readonly sweepSeconds: number;
}

/** What the use cases work with. */
export interface ApplicationDependencies extends OuterDependencies, RequestDependencies {}
