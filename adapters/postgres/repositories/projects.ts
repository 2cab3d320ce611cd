import { ClawError, type ProjectId } from "../../../sdk/contract/index.ts";
import type { ProjectRepository } from "../../../service/application/ports/tenancy/repositories.ts";
import type { Project } from "../../../service/domain/tenancy/tenant.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { ProjectEntity, type ProjectRow } from "../entities/project.ts";
import { errorCodeOf } from "../errors.ts";
import type { Scope } from "../session.ts";
import { PlainRows } from "./plain-rows.ts";
import { boundedQuantities } from "./rows.ts";

export class PostgresProjectRepository extends PlainRows<ProjectRow, Project> implements ProjectRepository {
  constructor(scope: Scope) {
    super(scope, { kind: "Project", table: "projects", entity: ProjectEntity, project: "r.id", toDomain: toProject, toRow });
  }

  override async delete(id: ProjectId): Promise<void> {
    await this.scope.run(async (manager) => {
      const left = await manager.query<{ name: string }[]>(`select name from instances where project_id = $1 order by name limit 4`, [id]);
      if (left.length > 0) {
        throw notEmpty(left.map((row) => row.name));
      }
      // An instance that was created since is caught by its foreign key.
      await manager.query(`delete from projects where id = $1`, [id]).catch((error: unknown) => {
        throw errorCodeOf(error) === "23503" ? notEmpty([], error) : error;
      });
    });
  }
}

function notEmpty(names: readonly string[], cause?: unknown): ClawError {
  const which = names.length > 0 ? `: ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}` : "";
  return new ClawError("project.not_empty", `the project still has instances${which}; destroy them first`, { cause });
}

function toProject(row: ProjectRow): Project {
  return { id: row.id, tenantId: row.tenant_id, ...toMetadata(row), spec: { ...row.spec, quota: boundedQuantities(row.spec.quota) } };
}

function toRow(project: Project): ProjectRow {
  return { id: project.id, tenant_id: project.tenantId, ...fromMetadata(project), spec: project.spec };
}
