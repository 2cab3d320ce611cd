import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { DataSource } from "typeorm";
import { ClawError, PLATFORM_CHAIN, type TenantId } from "../../sdk/contract/index.ts";
import type { AuditSigner } from "../../service/application/ports/audit/audit-signer.ts";
import type { PlatformTransaction, Reads, TenantTransaction, Transactions } from "../../service/application/ports/transactions.ts";
import { isSerializationFailure, toClawError } from "./errors.ts";
import { Reading } from "./reading.ts";
import {
  PostgresAccessRepository,
  PostgresRoleBindingRepository,
  PostgresRoleRepository,
  PostgresServiceAccountRepository,
  PostgresTokenRepository,
} from "./repositories/access.ts";
import { PostgresAuditChains, PostgresAuditLog } from "./repositories/audit.ts";
import { PostgresChatSessionRepository } from "./repositories/chat-sessions.ts";
import { PostgresClaimRepository } from "./repositories/claims.ts";
import { PostgresClawKnowledgeRepository } from "./repositories/claw-knowledge.ts";
import { PostgresClawTypeRepository } from "./repositories/claw-types.ts";
import { PostgresClusterRepository } from "./repositories/clusters.ts";
import { PostgresConfigTemplateRepository } from "./repositories/config-templates.ts";
import { PostgresConfigValuesRepository } from "./repositories/config-values.ts";
import { PostgresCounterRepository } from "./repositories/counters.ts";
import { PostgresDataKeyRepository } from "./repositories/data-keys.ts";
import { PLATFORM_KEYS, PostgresIdempotencyRepository } from "./repositories/idempotency.ts";
import { PostgresInstanceEventRepository } from "./repositories/instance-events.ts";
import { PostgresInstanceRepository } from "./repositories/instances.ts";
import { PostgresKeyringRepository } from "./repositories/keyring.ts";
import { PostgresLeftoverRepository } from "./repositories/leftovers.ts";
import { PostgresOperationRepository } from "./repositories/operations.ts";
import { PostgresOutboxRepository } from "./repositories/outbox.ts";
import { PostgresPlanRepository } from "./repositories/plans.ts";
import { PostgresPolicyRepository } from "./repositories/policies.ts";
import { PostgresProjectRepository } from "./repositories/projects.ts";
import { PostgresOldRecordings, PostgresRecordingRepository } from "./repositories/recordings.ts";
import { PostgresReplicaRepository } from "./repositories/replicas.ts";
import { PostgresRolloutClaims, PostgresRolloutRepository } from "./repositories/rollouts.ts";
import { PostgresSecretRepository } from "./repositories/secrets.ts";
import { PostgresSessionRepository } from "./repositories/sessions.ts";
import { PostgresTenantRepository } from "./repositories/tenants.ts";
import { PostgresVisitRepository } from "./repositories/visits.ts";
import { PostgresWorkRepository } from "./repositories/work.ts";
import { Session, type Unit } from "./session.ts";

const ATTEMPTS = 6;
const FIRST_DELAY_MS = 10;

/** What the audit log takes. */
interface AuditOptions {
  readonly signer?: AuditSigner;
  readonly onRecorded?: (count: number) => void;
}

/** Units of work on PostgreSQL, at its default isolation: what must not change under a decision is locked by it. */
export class PostgresTransactions implements Transactions {
  readonly #dataSource: DataSource;
  readonly #audit: AuditOptions;
  readonly reads: Reads;

  constructor(dataSource: DataSource, pool: Pool, audit: AuditOptions = {}) {
    this.#dataSource = dataSource;
    this.#audit = audit;
    this.reads = {
      tenant: (tenantId, work) => work(tenantTransaction(new Reading(pool), tenantId)),
      platform: (work) => work(platformTransaction(new Reading(pool))),
    };
  }

  tenant<T>(tenantId: TenantId, work: (tx: TenantTransaction) => Promise<T>): Promise<T> {
    return this.#run("commit", (session) => work(tenantTransaction(session, tenantId)));
  }

  platform<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T> {
    return this.#run("commit", (session) => work(platformTransaction(session)));
  }

  dryRun<T>(work: (tx: PlatformTransaction) => Promise<T>): Promise<T> {
    return this.#run("rollback", (session) => work(platformTransaction(session)));
  }

  async #run<T>(end: "commit" | "rollback", work: (session: Session) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(end, work);
      } catch (error) {
        if (!isSerializationFailure(error)) {
          throw toClawError(error);
        }
        if (attempt === ATTEMPTS) {
          throw new ClawError("service.unavailable", "too many others write the same; try again", { cause: error });
        }
      }
      await delay(FIRST_DELAY_MS * 2 ** attempt * Math.random());
    }
  }

  async #attempt<T>(end: "commit" | "rollback", work: (session: Session) => Promise<T>): Promise<T> {
    const queryRunner = this.#dataSource.createQueryRunner();
    const session = new Session(queryRunner.manager, this.#audit.signer);
    try {
      const result = await work(session);
      if (end === "commit") {
        await session.flush();
      }
      await session.end(end);
      if (end === "commit" && session.recorded > 0) {
        this.#audit.onRecorded?.(session.recorded);
      }
      return result;
    } catch (error) {
      // A rollback fails when the connection is gone, and then the server has rolled back already: the first error counts.
      await session.end("rollback").catch(() => undefined);
      throw error;
    } finally {
      await queryRunner.release();
    }
  }
}

function platformTransaction(session: Unit): PlatformTransaction {
  return {
    tenants: new PostgresTenantRepository(session.platform, session),
    clusters: new PostgresClusterRepository(session.platform),
    claws: new PostgresClawKnowledgeRepository(session.platform),
    claims: new PostgresClaimRepository(session.platform),
    access: new PostgresAccessRepository(session.platform),
    sessions: new PostgresSessionRepository(session.platform),
    visits: new PostgresVisitRepository(session.platform),
    audit: new PostgresAuditLog(session.platform, PLATFORM_CHAIN, session),
    auditChains: new PostgresAuditChains(session.platform, session),
    keyring: new PostgresKeyringRepository(session.platform),
    dataKeys: new PostgresDataKeyRepository(session.platform),
    leftovers: new PostgresLeftoverRepository(session.platform),
    oldRecordings: new PostgresOldRecordings(session.platform),
    outbox: new PostgresOutboxRepository(session.platform),
    work: new PostgresWorkRepository(session.platform),
    replicas: new PostgresReplicaRepository(session.platform),
    rollouts: new PostgresRolloutClaims(session.platform),
    counters: new PostgresCounterRepository(session.platform),
    idempotency: new PostgresIdempotencyRepository(session.platform, PLATFORM_KEYS),
    enter: async (tenantId) => tenantTransaction(session, tenantId),
  };
}

function tenantTransaction(session: Unit, tenantId: TenantId): TenantTransaction {
  const scope = session.tenant(tenantId);
  return {
    tenantId,
    tenants: new PostgresTenantRepository(scope, session),
    projects: new PostgresProjectRepository(scope),
    roles: new PostgresRoleRepository(scope),
    roleBindings: new PostgresRoleBindingRepository(scope),
    policies: new PostgresPolicyRepository(scope),
    clawTypes: new PostgresClawTypeRepository(scope, session.platform),
    serviceAccounts: new PostgresServiceAccountRepository(scope),
    tokens: new PostgresTokenRepository(scope),
    instances: new PostgresInstanceRepository(scope),
    templates: new PostgresConfigTemplateRepository(scope, session.platform),
    values: new PostgresConfigValuesRepository(scope),
    rollouts: new PostgresRolloutRepository(scope, tenantId),
    secrets: new PostgresSecretRepository(scope, session.platform),
    plans: new PostgresPlanRepository(scope),
    events: new PostgresInstanceEventRepository(scope, tenantId),
    operations: new PostgresOperationRepository(scope, tenantId),
    chatSessions: new PostgresChatSessionRepository(scope, tenantId),
    recordings: new PostgresRecordingRepository(scope, tenantId),
    idempotency: new PostgresIdempotencyRepository(scope, tenantId),
    audit: new PostgresAuditLog(scope, tenantId, session),
    publish: async (event) => session.publish(tenantId, event),
  };
}
