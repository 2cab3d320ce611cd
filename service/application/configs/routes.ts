import { ClawError, type ConfigVersion, type TenantId } from "../../../sdk/contract/index.ts";
import type { ConfigTemplate, ConfigVersion as StoredVersion } from "../../domain/configs/config-template.ts";
import type { StoredConfigValues } from "../../domain/configs/config-values.ts";
import type { ConfigIssue } from "../../domain/configs/resolve-config.ts";
import { templateSchema } from "../../domain/configs/template-schema.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import { secretRefsAt } from "../../domain/secrets/secret.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { ConfigQuestion } from "../ports/instances/claw-programs.ts";
import type { PlatformTransaction, TenantTransaction } from "../ports/transactions.ts";
import type { ResourceKind, Written } from "../resources/kind.ts";
import { type RequestDependencies, writeOrPreview } from "../resources/requests.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { compareVersions } from "./compare-versions.ts";
import { isDirty, versionOf } from "./config-template-kind.ts";
import { pinsOf } from "./pins.ts";
import { valueIssues } from "./template-issues.ts";
import { usedVersionsIn } from "./template-users.ts";

type ValuesRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `values.${string}`>>;
type ConfigRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `configs.${string}`>>;

export function configRoutes(kind: ResourceKind<"ConfigTemplate", ConfigTemplate>, deps: ApplicationDependencies): ConfigRoutes {
  const own = resourceRoutes(kind, deps, { draft: true });
  const find = (ctx: RequestContext, id: string) => kind.get(ctx, deps.transactions, id);

  const newestOf =
    (tenantId: TenantId, held = false) =>
    async (written: Written, tx: PlatformTransaction) => {
      const { after, name } = kind.own(written);
      const scope = await tx.enter(tenantId);
      const { templates } = scope;
      const isHeld = held && after !== undefined && (await isDirty(scope, after));
      const number = isHeld ? await templates.newestVersion(after.id) : after?.publishedVersion;
      const version = after && (await templates.findVersion(after.id, number ?? 0));
      if (!version) {
        throw new ClawError("service.internal", `version ${number} of '${name}' is missing`);
      }
      return presentVersion(version);
    };

  return {
    "configs.list": own.list,
    "configs.get": own.get,
    "configs.create": own.create,
    "configs.replace": own.replace,
    "configs.delete": own.delete,
    "configs.versions": async (ctx, { params, query }) => {
      const template = await find(ctx, params.id);
      const page = await deps.transactions.tenant(tenantIn(ctx).id, (tx) =>
        tx.templates.listVersions(template.id, query.limit, query.cursor),
      );
      return { ...page, items: page.items.map(presentVersion) };
    },
    "configs.publish": async (ctx, { params, body, query }) => {
      const { name } = await find(ctx, params.id);
      const tenant = tenantIn(ctx);
      const change = { action: "publish", name, ...body, tenant: tenant.name } as const;
      return writeOrPreview(ctx, query, change, deps, newestOf(tenant.id, body.hold));
    },
    "configs.promote": async (ctx, { params, body, query }) => {
      const { name } = await find(ctx, params.id);
      const tenant = tenantIn(ctx);
      return writeOrPreview(ctx, query, { action: "promote", name, ...body, tenant: tenant.name }, deps, newestOf(tenant.id));
    },
    "configs.rollback": async (ctx, { params, body, query }) => {
      const template = await find(ctx, params.id);
      const { name } = template;
      const tenant = tenantIn(ctx);
      const { labelSelector, ...rollback } = body;
      if (labelSelector !== undefined) {
        const changes = await pinsOf(ctx, template, { to: body.to, labelSelector }, deps);
        return writeOrPreview(ctx, query, changes, deps, async (_first, tx) =>
          presentVersion(await versionOf(await tx.enter(tenant.id), template, body.to)),
        );
      }
      const change = { action: "rollback", name, ...rollback, tenant: tenant.name } as const;
      return writeOrPreview(ctx, query, change, deps, newestOf(tenant.id));
    },
    "configs.diff": async (ctx, { params, query }) => compareVersions(ctx, await find(ctx, params.id), query, deps),
    "configs.schema": async (ctx, { params }) => {
      const { name, spec } = await find(ctx, params.id);
      return templateSchema(name, spec);
    },
    "configs.validate": async (ctx, { params, body }) => {
      const template = await find(ctx, params.id);
      const { adapter, versions, missing } = await deps.transactions.tenant(tenantIn(ctx).id, async (tx) => ({
        adapter: await deps.types.find(template.spec.adapter, tx),
        versions: await usedVersionsIn(tx, template),
        missing: await missingSecrets(tx, body.values),
      }));
      if (!adapter) {
        return { valid: false, issues: [{ path: "spec.adapter", message: `adapter '${template.spec.adapter}' is not known` }] };
      }
      const checked = async (question: ConfigQuestion) => {
        await deps.checks.ask([question]);
        return deps.checks.known(question);
      };
      const wrong = await valueIssues(template.spec, { adapter, cipher: deps.cipher, checked, versions }, body.values);
      const issues = [...missing, ...wrong];
      return { valid: issues.length === 0, issues };
    },
  };
}

export function valuesRoutes(kind: ResourceKind<"ConfigValues", StoredConfigValues>, deps: RequestDependencies): ValuesRoutes {
  const own = resourceRoutes(kind, deps);
  return {
    "values.list": own.list,
    "values.get": own.get,
    "values.create": own.create,
    "values.replace": own.replace,
    "values.delete": own.delete,
  };
}

/** An instance with such values would wait. */
async function missingSecrets(tx: TenantTransaction, values: Readonly<Record<string, unknown>>): Promise<ConfigIssue[]> {
  const refs = Object.entries(values).flatMap(([key, value]) => [...secretRefsAt(value)].map(([, name]) => ({ key, name })));
  const there = new Set((await tx.secrets.named([...new Set(refs.map(({ name }) => name))], "tenant")).map(({ name }) => name));
  return refs
    .filter(({ name }) => !there.has(name))
    .map(({ key, name }) => ({ path: key, message: `there is no secret '${name}'`, fix: `claw secrets set ${name}` }));
}

function presentVersion({ version, author, createdAt, message, digest, spec, extended, restores }: StoredVersion): ConfigVersion {
  return {
    ...{ version, author, createdAt, message, digest, spec: maskLeaves(spec) },
    ...(extended && { extended }),
    ...(restores !== undefined && { restores }),
  };
}
