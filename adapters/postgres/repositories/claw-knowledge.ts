import type { Issue } from "../../../sdk/contract/index.ts";
import type {
  ClawKnowledgeRepository,
  ClawProgram,
  ClawSchema,
  ConfigQuestion,
} from "../../../service/application/ports/instances/claw-programs.ts";
import type { Scope } from "../session.ts";

export class PostgresClawKnowledgeRepository implements ClawKnowledgeRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  async findSchema(program: ClawProgram): Promise<ClawSchema | null | undefined> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ schema: string }[]>(`select schema from claw_schemas where package = $1 and version = $2`, [
        program.package,
        program.version,
      ]),
    );
    return row && (JSON.parse(row.schema) as ClawSchema | null);
  }

  async putSchema(program: ClawProgram, schema: ClawSchema | null): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`insert into claw_schemas (package, version, schema) values ($1, $2, $3) on conflict do nothing`, [
        program.package,
        program.version,
        JSON.stringify(schema),
      ]),
    );
  }

  async findVerdict(question: ConfigQuestion): Promise<readonly Issue[] | undefined> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ issues: Issue[] }[]>(`select issues from claw_verdicts where package = $1 and version = $2 and digest = $3`, [
        question.package,
        question.version,
        question.digest,
      ]),
    );
    return row?.issues;
  }

  async putVerdict(question: ConfigQuestion, issues: readonly Issue[], now: string): Promise<void> {
    await this.#scope.run(async (manager) => {
      await manager.query(`delete from claw_verdicts where checked_at < $1::timestamptz - interval '90 days'`, [now]);
      await manager.query(
        `insert into claw_verdicts (package, version, digest, issues, checked_at) values ($1, $2, $3, $4, $5)
         on conflict (package, version, digest) do update set issues = excluded.issues, checked_at = excluded.checked_at`,
        [question.package, question.version, question.digest, JSON.stringify(issues), now],
      );
    });
  }
}
