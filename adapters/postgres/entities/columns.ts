import type { EntitySchemaColumnOptions } from "typeorm";

/** Columns that tenants, projects, templates and instances have in common. Rows are named like their columns. */
export interface MetadataRow {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  generation: number;
  resource_version: number;
  created_at: Date;
  updated_at: Date;
}

export const timestamp = { type: "timestamptz", precision: 3 } as const satisfies EntitySchemaColumnOptions;

export const metadataColumns = {
  name: { type: "text", collation: "C" },
  labels: { type: "jsonb", default: {} },
  annotations: { type: "json", default: {} },
  generation: { type: "integer" },
  resource_version: { type: "integer" },
  created_at: timestamp,
  updated_at: timestamp,
} as const satisfies Record<keyof MetadataRow, EntitySchemaColumnOptions>;

export const NAME_CHECK = `name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'`;

/** The stored metadata as the domain has it. */
export function toMetadata(row: MetadataRow) {
  return {
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    generation: row.generation,
    resourceVersion: row.resource_version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

export function fromMetadata(resource: {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation: number;
  readonly resourceVersion: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}): MetadataRow {
  return {
    name: resource.name,
    labels: { ...resource.labels },
    annotations: { ...resource.annotations },
    generation: resource.generation,
    resource_version: resource.resourceVersion,
    created_at: new Date(resource.createdAt),
    updated_at: new Date(resource.updatedAt),
  };
}
