import { ClawError, type ListQuery, type ProjectId } from "../../../sdk/contract/index.ts";
import type { Page, Ref } from "../../../service/application/ports/resources/page.ts";
import type { ProjectRepository } from "../../../service/application/ports/tenancy/repositories.ts";
import type { Project } from "../../../service/domain/tenancy/tenant.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { ProjectEntity, type ProjectRow } from "../entities/project.ts";
import { errorCodeOf } from "../errors.ts";
import { type Listing, listPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { boundedQuantities, columnOf, insertRow, notFound, updateRow } from "./rows.ts";

const listing: Listing = {
  columns: "p.*",
  from: "projects p",
  id: "p.id",
  labels: "p.labels",
  project: "p.id",
  fields: { "metadata.name": { sql: "p.name" }, "metadata.uid": { sql: "p.id" } },
  sorts: {
    "metadata.name": { sql: "p.name", type: "text" },
    "metadata.createdAt": { sql: "p.created_at", type: "timestamptz" },
    "metadata.updatedAt": { sql: "p.updated_at", type: "timestamptz" },
  },
};

export class PostgresProjectRepository implements ProjectRepository {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  list(query: ListQuery, projects?: readonly ProjectId[]): Promise<Page<Project>> {
    return this.#scope.run((manager) => listPage<ProjectRow, Project>(manager, listing, query, toProject, projects));
  }

  async get(ref: Ref): Promise<Project> {
    const project = await this.find(ref);
    if (!project) {
      throw await notFound(this.#scope, "Project", "projects", ref);
    }
    return project;
  }

  async find(ref: Ref): Promise<Project | undefined> {
    const column = columnOf("Project", ref);
    const rows = await this.#scope.run((manager) => manager.query<ProjectRow[]>(`select * from projects where ${column} = $1`, [ref]));
    return rows[0] && toProject(rows[0]);
  }

  async insert(project: Project): Promise<void> {
    if (!(await this.#scope.run((manager) => insertRow(manager, ProjectEntity, toRow(project))))) {
      throw new ClawError("project.name_taken", `there is a project '${project.name}' already; choose another name`);
    }
  }

  update(project: Project, expected: number): Promise<void> {
    return this.#scope.run((manager) => updateRow(manager, ProjectEntity, toRow(project), expected, "project"));
  }

  async delete(id: ProjectId): Promise<void> {
    await this.#scope.run(async (manager) => {
      const left = await manager.query<{ name: string }[]>(`select name from instances where project_id = $1 order by name limit 4`, [id]);
      if (left.length > 0) {
        throw notEmpty(left.map((row) => row.name));
      }
      await manager.query(`delete from config_values where level = 'project' and owner_id = $1`, [id]);
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
