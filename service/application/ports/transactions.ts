import type { TenantId } from "../../../sdk/contract/index.ts";
import type {
  AccessRepository,
  RoleBindingRepository,
  RoleRepository,
  ServiceAccountRepository,
  TokenRepository,
} from "./access/repositories.ts";
import type { SessionRepository } from "./access/sessions.ts";
import type { AuditChains, AuditLog } from "./audit/audit-log.ts";
import type { LeftoverRepository } from "./clusters/leftovers.ts";
import type { ClusterRepository } from "./clusters/repository.ts";
import type { ConfigTemplateRepository, ConfigValuesRepository } from "./configs/repositories.ts";
import type { DomainEvent, OutboxRepository } from "./events/outbox.ts";
import type { ChatSessionRepository } from "./instances/chat-session-repository.ts";
import type { ClaimRepository } from "./instances/claim-repository.ts";
import type { ClawKnowledgeRepository } from "./instances/claw-programs.ts";
import type { InstanceEventRepository } from "./instances/event-repository.ts";
import type { OperationRepository } from "./instances/operation-repository.ts";
import type { OldRecordings, RecordingRepository } from "./instances/recording-repository.ts";
import type { InstanceRepository } from "./instances/repository.ts";
import type { VisitRepository } from "./instances/visits.ts";
import type { CounterRepository } from "./limits/counter-repository.ts";
import type { IdempotencyRepository } from "./resources/idempotency-repository.ts";
import type { PlanRepository } from "./resources/plan-repository.ts";
import type { RolloutClaims, RolloutRepository } from "./rollouts/rollout-repository.ts";
import type { DataKeyRepository } from "./secrets/data-key-repository.ts";
import type { KeyringRepository } from "./secrets/keyring-repository.ts";
import type { SecretRepository } from "./secrets/secret-repository.ts";
import type { ReplicaRepository } from "./service/replica-repository.ts";
import type { WorkRepository } from "./stacks/work-repository.ts";
import type { PolicyRepository } from "./tenancy/policy-repository.ts";
import type { ProjectRepository, TenantRepository } from "./tenancy/repositories.ts";
import type { ClawTypeRepository } from "./types/claw-type-repository.ts";

/**
 * Runs units of work. There is no repository outside a transaction, and none of a tenant's outside a transaction bound to it:
 * the database's row-level security sees to the rest. Inside a transaction there is no network, no waiting, no heavy computing.
 * Serialization failures and deadlocks are retried.
 */
export interface Transactions {
  /** For what only reads. */
  readonly reads: Reads;
  /** A transaction that sees one tenant. */
  tenant<T>(tenantId: TenantId, work: (tx: TenantTransaction) => Promise<T>): Promise<T>;
  /** A transaction of the platform: tenants, tokens, and any tenant it enters. */
  platform<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T>;
  /** Runs `work`, rolls back, and answers what it returned: how a preview makes the very writes that it shows. */
  dryRun<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T>;
}

/** The same repositories without a transaction around them: each statement is one of its own, in one message. The database refuses what writes or locks. */
export interface Reads {
  tenant<T>(tenantId: TenantId, work: (tx: TenantTransaction) => Promise<T>): Promise<T>;
  platform<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T>;
}

export interface PlatformTransaction {
  readonly tenants: TenantRepository;
  readonly clusters: ClusterRepository;
  readonly claws: ClawKnowledgeRepository;
  readonly claims: ClaimRepository;
  readonly access: AccessRepository;
  readonly sessions: SessionRepository;
  readonly visits: VisitRepository;
  /** The platform's own. */
  readonly audit: AuditLog;
  readonly auditChains: AuditChains;
  readonly keyring: KeyringRepository;
  readonly dataKeys: DataKeyRepository;
  readonly leftovers: LeftoverRepository;
  readonly oldRecordings: OldRecordings;
  readonly outbox: OutboxRepository;
  readonly work: WorkRepository;
  readonly rollouts: RolloutClaims;
  readonly counters: CounterRepository;
  readonly replicas: ReplicaRepository;
  /** Keys of requests that are of no tenant. */
  readonly idempotency: IdempotencyRepository;
  /** Binds what follows to one tenant. Entering another leaves it: use a tenant's repositories before entering the next. */
  enter(tenantId: TenantId): Promise<TenantTransaction>;
}
export interface TenantTransaction {
  readonly tenantId: TenantId;
  readonly tenants: Pick<TenantRepository, "get" | "lock">;
  readonly projects: ProjectRepository;
  readonly roles: RoleRepository;
  readonly roleBindings: RoleBindingRepository;
  readonly serviceAccounts: ServiceAccountRepository;
  readonly policies: PolicyRepository;
  readonly clawTypes: ClawTypeRepository;
  readonly tokens: TokenRepository;
  readonly instances: InstanceRepository;
  readonly templates: ConfigTemplateRepository;
  readonly values: ConfigValuesRepository;
  readonly rollouts: RolloutRepository;
  readonly secrets: SecretRepository;
  readonly plans: PlanRepository;
  readonly events: InstanceEventRepository;
  readonly operations: OperationRepository;
  readonly chatSessions: ChatSessionRepository;
  readonly recordings: RecordingRepository;
  readonly idempotency: IdempotencyRepository;
  readonly audit: AuditLog;
  /** Appends a domain event to be published after commit. */
  publish(event: DomainEvent): Promise<void>;
}
