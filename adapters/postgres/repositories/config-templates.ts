import { ClawError, type ConfigTemplateId, type ListQuery } from "../../../sdk/contract/index.ts";
import type { ConfigTemplateRepository } from "../../../service/application/ports/configs/repositories.ts";
import type { Page, Ref } from "../../../service/application/ports/resources/page.ts";
import type { ConfigTemplate, ConfigVersion } from "../../../service/domain/configs/config-template.ts";
import { SHARED_TENANT } from "../../../service/domain/tenancy/tenant.ts";
import { fromMetadata, toMetadata } from "../entities/columns.ts";
import { ConfigTemplateEntity, type ConfigTemplateRow } from "../entities/config-template.ts";
import { ConfigVersionEntity, type ConfigVersionRow } from "../entities/config-version.ts";
import { formatNumberCursor, type Listing, listPage, parseNumberCursor, readPage } from "../list-page.ts";
import type { Scope } from "../session.ts";
import { columnOf, insertRow, notFound, updateRow } from "./rows.ts";

const OWN_TENANT = "current_setting('claw.tenant_id', true)";

const listing: Listing = {
  columns: "c.*",
  from: "config_templates c",
  // What a name stands for here: a tenant's own template hides the shared one.
  where: `(c.tenant_id = ${OWN_TENANT} or not exists (
    select from config_templates own where own.tenant_id = ${OWN_TENANT} and own.name = c.name))`,
  id: "c.id",
  labels: "c.labels",
  fields: {
    "metadata.name": { sql: "c.name" },
    "metadata.uid": { sql: "c.id" },
    "spec.adapter": { sql: "c.spec ->> 'adapter'", ignoreCase: true },
  },
  sorts: {
    "metadata.name": { sql: "c.name", type: "text" },
    "metadata.createdAt": { sql: "c.created_at", type: "timestamptz" },
    "metadata.updatedAt": { sql: "c.updated_at", type: "timestamptz" },
  },
};

export class PostgresConfigTemplateRepository implements ConfigTemplateRepository {
  readonly #scope: Scope;
  /** Sees which names every tenant's instances use. */
  readonly #platform: Scope;

  constructor(scope: Scope, platform: Scope) {
    this.#scope = scope;
    this.#platform = platform;
  }

  list(query: ListQuery): Promise<Page<ConfigTemplate>> {
    return this.#scope.run((manager) => listPage<ConfigTemplateRow, ConfigTemplate>(manager, listing, query, toTemplate));
  }

  async get(ref: Ref): Promise<ConfigTemplate> {
    const template = await this.find(ref);
    if (!template) {
      throw await notFound(this.#scope, "ConfigTemplate", "config_templates", ref);
    }
    return template;
  }

  async find(ref: Ref): Promise<ConfigTemplate | undefined> {
    const column = columnOf("ConfigTemplate", ref);
    const rows = await this.#scope.run((manager) =>
      manager.query<ConfigTemplateRow[]>(
        `select * from config_templates where ${column} = $1 order by tenant_id = ${OWN_TENANT} desc limit 1`,
        [ref],
      ),
    );
    return rows[0] && toTemplate(rows[0]);
  }

  async insert(template: ConfigTemplate): Promise<void> {
    const inserted = await this.#scope.run(async (manager) => {
      const [tenant] = await manager.query<{ name: string }[]>(`select name from tenants where id = $1`, [template.tenantId]);
      const row = { ...toRow(template), shared: tenant?.name === SHARED_TENANT };
      return insertRow(manager, ConfigTemplateEntity, row);
    });
    if (!inserted) {
      throw new ClawError("config.name_taken", `there is a config template '${template.name}' already; choose another name`);
    }
  }

  update(template: ConfigTemplate, expected: number): Promise<void> {
    return this.#scope.run((manager) => updateRow(manager, ConfigTemplateEntity, toRow(template), expected, "config template"));
  }

  async delete(id: ConfigTemplateId): Promise<void> {
    const [template] = await this.#scope.run((manager) =>
      manager.query<ConfigTemplateRow[]>(`select * from config_templates where id = $1`, [id]),
    );
    if (!template) {
      return;
    }
    const users = await this.#platform.run((manager) =>
      manager.query<{ tenant_id: string; name: string }[]>(
        `select i.tenant_id, i.name from instances i
         where i.template = $1 and (i.tenant_id = $2 or ($3 and not exists (
           select from config_templates own where own.tenant_id = i.tenant_id and own.name = $1)))
         order by i.tenant_id <> $2, i.name limit 4`,
        [template.name, template.tenant_id, template.shared],
      ),
    );
    if (users.length > 0) {
      const own = users.filter((user) => user.tenant_id === template.tenant_id).map((user) => `'${user.name}'`);
      const who = own.length > 0 ? `instance ${own.join(", ")}` : "an instance of another tenant";
      throw new ClawError("config.in_use", `config template '${template.name}' is used by ${who}${users.length > 3 ? ", …" : ""}`);
    }
    await this.#scope.run((manager) => manager.query(`delete from config_templates where id = $1`, [id]));
  }

  async insertVersion(version: ConfigVersion): Promise<void> {
    const inserted = await this.#scope.run(async (manager) => {
      const [template] = await manager.query<{ tenant_id: ConfigVersionRow["tenant_id"] }[]>(
        `select tenant_id from config_templates where id = $1`,
        [version.templateId],
      );
      if (!template) {
        throw new ClawError("config.not_found", `there is no config template '${version.templateId}'`);
      }
      return insertRow(manager, ConfigVersionEntity, { ...toVersionRow(version), tenant_id: template.tenant_id });
    });
    if (!inserted) {
      throw new ClawError("resource.version_conflict", `version ${version.version} was published by somebody else meanwhile`);
    }
  }

  async rewriteVersion({ templateId, version, spec, digest, written }: ConfigVersion): Promise<void> {
    await this.#scope.run((manager) =>
      manager.query(`update config_versions set spec = $3, digest = $4, written = $5 where template_id = $1 and version = $2`, [
        templateId,
        version,
        JSON.stringify(spec),
        digest,
        written === undefined ? null : JSON.stringify(written),
      ]),
    );
  }

  async listVersions(id: ConfigTemplateId, limit: number, cursor?: string): Promise<Page<ConfigVersion>> {
    return this.#scope.run((manager) =>
      readPage<ConfigVersionRow, ConfigVersion>(manager, {
        rowsAfter: (after) => ({
          sql: `select * from config_versions where template_id = $1 and ($2::integer is null or version < $2)`,
          parameters: [id, after === undefined ? null : parseNumberCursor(after, 9)],
        }),
        cursor,
        order: "version desc",
        limit,
        toDomain: toVersion,
        cursorOf: ({ version }) => formatNumberCursor(version),
      }),
    );
  }

  async newestVersion(id: ConfigTemplateId): Promise<number> {
    const [row] = await this.#scope.run((manager) =>
      manager.query<{ version: number | null }[]>(`select max(version) as version from config_versions where template_id = $1`, [id]),
    );
    return row?.version ?? 0;
  }

  async findVersion(id: ConfigTemplateId, version: number): Promise<ConfigVersion | undefined> {
    const rows = await this.#scope.run((manager) =>
      manager.query<ConfigVersionRow[]>(`select * from config_versions where template_id = $1 and version = $2`, [id, version]),
    );
    return rows[0] && toVersion(rows[0]);
  }
}

function toTemplate(row: ConfigTemplateRow): ConfigTemplate {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    ...toMetadata(row),
    spec: row.spec,
    publishedVersion: row.published_version,
    publishedDigest: row.published_digest ?? undefined,
  };
}

function toRow(template: ConfigTemplate): Omit<ConfigTemplateRow, "shared"> {
  return {
    id: template.id,
    tenant_id: template.tenantId,
    ...fromMetadata(template),
    spec: template.spec,
    published_version: template.publishedVersion,
    published_digest: template.publishedDigest ?? null,
  };
}

function toVersion(row: ConfigVersionRow): ConfigVersion {
  return {
    templateId: row.template_id,
    version: row.version,
    spec: row.spec,
    digest: row.digest,
    author: row.author,
    message: row.message,
    createdAt: row.created_at.toISOString(),
    extended: row.extended ?? undefined,
    written: row.written ?? undefined,
    restores: row.restores ?? undefined,
  };
}

function toVersionRow(version: ConfigVersion): Omit<ConfigVersionRow, "tenant_id"> {
  return {
    template_id: version.templateId,
    version: version.version,
    spec: version.spec,
    digest: version.digest,
    author: version.author,
    message: version.message,
    created_at: new Date(version.createdAt),
    extended: version.extended ?? null,
    written: version.written ?? null,
    restores: version.restores ?? null,
  };
}
