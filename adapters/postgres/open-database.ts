import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import { DataSource } from "typeorm";
import { ClawError } from "../../sdk/contract/index.ts";
import type { AuditSigner } from "../../service/application/ports/audit/audit-signer.ts";
import type { Replica } from "../../service/application/ports/service/replica-repository.ts";
import type { Transactions } from "../../service/application/ports/transactions.ts";
import { ApiTokenEntity, RoleBindingEntity, RoleEntity, ServiceAccountEntity } from "./entities/access.ts";
import { AuditChainEntity, AuditRecordEntity } from "./entities/audit.ts";
import { ClawTypeEntity } from "./entities/claw-type.ts";
import { ClusterEntity } from "./entities/cluster.ts";
import { ConfigTemplateEntity } from "./entities/config-template.ts";
import { ConfigValuesEntity } from "./entities/config-values.ts";
import { ConfigVersionEntity } from "./entities/config-version.ts";
import { IdempotencyKeyEntity } from "./entities/idempotency-key.ts";
import { InstanceEntity } from "./entities/instance.ts";
import { InstanceEventEntity } from "./entities/instance-event.ts";
import { OutboxEventEntity } from "./entities/outbox-event.ts";
import { PlanEntity } from "./entities/plan.ts";
import { PlanPageEntity } from "./entities/plan-page.ts";
import { PolicyEntity } from "./entities/policy.ts";
import { ProjectEntity } from "./entities/project.ts";
import { RecordingEntity, RecordingPartEntity } from "./entities/recording.ts";
import { RolloutEntity, RolloutMemberEntity } from "./entities/rollout.ts";
import { SecretEntity } from "./entities/secret.ts";
import { SessionEntity } from "./entities/session.ts";
import { TenantEntity } from "./entities/tenant.ts";
import { errorCodeOf } from "./errors.ts";
import { GatheringClient } from "./gathering-client.ts";
import { CreateTenancy1700000000001 } from "./migrations/0001-create-tenancy.ts";
import { CreateStacks1700000000002 } from "./migrations/0002-create-stacks.ts";
import { CreateClusters1700000000003 } from "./migrations/0003-create-clusters.ts";
import { WatchPods1700000000004 } from "./migrations/0004-watch-pods.ts";
import { WatchDrift1700000000005 } from "./migrations/0005-watch-drift.ts";
import { ScheduleRefreshes1700000000006 } from "./migrations/0006-schedule-refreshes.ts";
import { MeasureUsage1700000000007 } from "./migrations/0007-measure-usage.ts";
import { KeepClusters1700000000008 } from "./migrations/0008-keep-clusters.ts";
import { SeeVersions1700000000009 } from "./migrations/0009-see-versions.ts";
import { KeepKeys1700000000013 } from "./migrations/0013-keep-keys.ts";
import { SeeWhatStops1700000000015 } from "./migrations/0015-see-what-stops.ts";
import { PagePreviews1700000000017 } from "./migrations/0017-page-previews.ts";
import { KeepLeftovers1700000000018 } from "./migrations/0018-keep-leftovers.ts";
import { SeparateLogins1700000000019 } from "./migrations/0019-separate-logins.ts";
import { EnterRoles1700000000020 } from "./migrations/0020-enter-roles.ts";
import { ForgetInstances1700000000021 } from "./migrations/0021-forget-instances.ts";
import { KnowClaws1700000000022 } from "./migrations/0022-know-claws.ts";
import { MakeClaims1700000000024 } from "./migrations/0024-make-claims.ts";
import { CountRequests1700000000026 } from "./migrations/0026-count-requests.ts";
import { GiveRoles1700000000027 } from "./migrations/0027-give-roles.ts";
import { KeepAudit1700000000028 } from "./migrations/0028-keep-audit.ts";
import { SetPolicies1700000000029 } from "./migrations/0029-set-policies.ts";
import { SignIn1700000000030 } from "./migrations/0030-sign-in.ts";
import { WrapKeys1700000000032 } from "./migrations/0032-wrap-keys.ts";
import { KeepPlaces1700000000033 } from "./migrations/0033-keep-places.ts";
import { RecordConsoles1700000000034 } from "./migrations/0034-record-consoles.ts";
import { OpenSessions1700000000035 } from "./migrations/0035-open-sessions.ts";
import { VisitClaws1700000000036 } from "./migrations/0036-visit-claws.ts";
import { FindDifferences1700000000037 } from "./migrations/0037-find-differences.ts";
import { KeepFormerValues1700000000038 } from "./migrations/0038-keep-former-values.ts";
import { KeepWarnings1700000000042 } from "./migrations/0042-keep-warnings.ts";
import { DefineTypes1700000000044 } from "./migrations/0044-define-types.ts";
import { SeveralFiles1700000000045 } from "./migrations/0045-several-files.ts";
import { TellChanges1700000000046 } from "./migrations/0046-tell-changes.ts";
import { SetValues1700000000047 } from "./migrations/0047-set-values.ts";
import { KeepSecrets1700000000048 } from "./migrations/0048-keep-secrets.ts";
import { RollOut1700000000050 } from "./migrations/0050-roll-out.ts";
import { RollOutInstances1700000000051 } from "./migrations/0051-roll-out-instances.ts";
import { DeliverConfigs1700000000052 } from "./migrations/0052-deliver-configs.ts";
import { PartWithClusters1700000000053 } from "./migrations/0053-part-with-clusters.ts";
import { ListChatSessions1700000000054 } from "./migrations/0054-list-chat-sessions.ts";
import { ExpireRecordings1700000000056 } from "./migrations/0056-expire-recordings.ts";
import { MeasurePreviews1700000000057 } from "./migrations/0057-measure-previews.ts";
import { RenewAgentTokens1700000000059 } from "./migrations/0059-renew-agent-tokens.ts";
import { ReachReplicas1700000000060 } from "./migrations/0060-reach-replicas.ts";
import { FollowOperations1700000000061 } from "./migrations/0061-follow-operations.ts";
import { SeeMoreVersions1700000000062 } from "./migrations/0062-see-more-versions.ts";
import { connectionName } from "./repositories/replicas.ts";
import { PostgresTransactions } from "./transactions.ts";

const CONNECTIONS = 20;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 15_000;
/** Longer than a statement may take: an outbox relay publishes inside its transaction. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000;
/** How long to keep trying when the server is not there yet. */
const CONNECT_PATIENCE_MS = 30_000;
/** No connection, starting up, shutting down, too many clients: the same attempt may succeed soon. */
const NOT_YET = new Set(["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "57P03", "57P01", "53300", "08006", "08001"]);

const entities = [
  ApiTokenEntity,
  AuditChainEntity,
  AuditRecordEntity,
  ClusterEntity,
  ConfigTemplateEntity,
  ConfigValuesEntity,
  ConfigVersionEntity,
  IdempotencyKeyEntity,
  InstanceEntity,
  InstanceEventEntity,
  OutboxEventEntity,
  PlanEntity,
  PlanPageEntity,
  PolicyEntity,
  ClawTypeEntity,
  ProjectEntity,
  RolloutEntity,
  RolloutMemberEntity,
  RecordingEntity,
  RecordingPartEntity,
  RoleBindingEntity,
  RoleEntity,
  ServiceAccountEntity,
  SecretEntity,
  SessionEntity,
  TenantEntity,
];
export const migrations = [
  CreateTenancy1700000000001,
  CreateStacks1700000000002,
  CreateClusters1700000000003,
  WatchPods1700000000004,
  WatchDrift1700000000005,
  ScheduleRefreshes1700000000006,
  MeasureUsage1700000000007,
  KeepClusters1700000000008,
  SeeVersions1700000000009,
  KeepKeys1700000000013,
  SeeWhatStops1700000000015,
  PagePreviews1700000000017,
  KeepLeftovers1700000000018,
  SeparateLogins1700000000019,
  EnterRoles1700000000020,
  ForgetInstances1700000000021,
  KnowClaws1700000000022,
  MakeClaims1700000000024,
  CountRequests1700000000026,
  GiveRoles1700000000027,
  KeepAudit1700000000028,
  SetPolicies1700000000029,
  SignIn1700000000030,
  WrapKeys1700000000032,
  KeepPlaces1700000000033,
  RecordConsoles1700000000034,
  OpenSessions1700000000035,
  VisitClaws1700000000036,
  FindDifferences1700000000037,
  KeepFormerValues1700000000038,
  KeepWarnings1700000000042,
  DefineTypes1700000000044,
  SeveralFiles1700000000045,
  TellChanges1700000000046,
  SetValues1700000000047,
  KeepSecrets1700000000048,
  RollOut1700000000050,
  RollOutInstances1700000000051,
  DeliverConfigs1700000000052,
  PartWithClusters1700000000053,
  ListChatSessions1700000000054,
  ExpireRecordings1700000000056,
  MeasurePreviews1700000000057,
  RenewAgentTokens1700000000059,
  ReachReplicas1700000000060,
  FollowOperations1700000000061,
  SeeMoreVersions1700000000062,
];

export interface Database {
  readonly transactions: Transactions;
  readonly dataSource: DataSource;
  /** The connections that the transactions use, for adapters that write their own SQL. */
  readonly pool: Pool;
  close(): Promise<void>;
}

/** Connects to a database that was migrated. */
export async function openDatabase(options: {
  readonly url: string;
  readonly connections?: number;
  /** Whose connections they are. */
  readonly replica?: Replica;
  /** Signs the audit log; without it nothing can be put on record, and so nothing that has to be. */
  readonly signer?: AuditSigner;
  /** Is told how many records were put in the audit log. */
  readonly onRecorded?: (count: number) => void;
}): Promise<Database> {
  const dataSource = new DataSource({
    type: "postgres",
    url: options.url,
    entities,
    synchronize: false,
    migrationsRun: false,
    poolSize: options.connections ?? CONNECTIONS,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    applicationName: options.replica ? connectionName(options.replica) : "claw",
    extra: {
      // What is asked for at once is on its way at once, in its order.
      pipeline: true,
      Client: GatheringClient,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    },
  });
  await dataSource.initialize();
  // TypeORM types its driver's pool as `any`.
  const pool = (dataSource.driver as unknown as { master: Pool }).master;
  return {
    transactions: new PostgresTransactions(dataSource, pool, options),
    dataSource,
    pool,
    close: () => dataSource.destroy(),
  };
}

/**
 * Brings the schema up to date, as the database's owner, waiting for a server that is just starting. Replicas that start together queue up
 * behind one lock; migrations know no statement timeout.
 * @throws {ClawError} `service.unavailable` with what to do when it can't be used
 */
export function migrateDatabase(url: string): Promise<void> {
  return whenReachable(url, () => migrate(url));
}

async function migrate(url: string): Promise<void> {
  const dataSource = new DataSource({
    type: "postgres",
    url,
    migrations,
    migrationsTableName: "claw_migrations",
    poolSize: 2,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    applicationName: "claw migrations",
  });
  await dataSource.initialize();
  try {
    const lockHolder = dataSource.createQueryRunner();
    try {
      await lockHolder.query(`select pg_advisory_lock(hashtextextended('claw migrations', 0))`);
      await dataSource.runMigrations({ transaction: "each" });
      await lockHolder.query(`select pg_advisory_unlock(hashtextextended('claw migrations', 0))`);
    } finally {
      await lockHolder.release();
    }
  } finally {
    await dataSource.destroy();
  }
}

async function whenReachable(url: string, work: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + CONNECT_PATIENCE_MS;
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      await work();
      return;
    } catch (error) {
      const code = errorCodeOf(error) ?? "";
      if (!NOT_YET.has(code)) {
        throw REASONS[code] ? unusable(url, REASONS[code], error) : error;
      }
      if (Date.now() > deadline) {
        throw unusable(url, SILENT, error);
      }
    }
    await delay(waitMs);
  }
}

const SILENT = "it does not answer; is it running, and is CLAW_DATABASE_URL right?";
const REASONS: Readonly<Record<string, string>> = {
  "28P01": "the password is wrong",
  "28000": "the user may not connect",
  "3D000": "the database does not exist: create it, or name another in CLAW_DATABASE_URL",
  "42501": "the user may not migrate it: make it the database's owner, with CREATEROLE",
  ENOTFOUND: "the host is not known",
};

/** Why nobody gets in. */
export function unreachable(url: string, error: unknown): ClawError {
  const code = errorCodeOf(error) ?? "";
  return unusable(url, REASONS[code] ?? (NOT_YET.has(code) ? SILENT : String(error)), error);
}

export function unusable(url: string, reason: string, cause?: unknown): ClawError {
  const { host, pathname } = new URL(url);
  return new ClawError("service.unavailable", `PostgreSQL at ${host}${pathname} can't be used: ${reason}`, { cause });
}
