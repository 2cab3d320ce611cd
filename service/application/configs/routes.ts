import { ClawError, type ConfigVersion } from "../../../sdk/contract/index.ts";
import type { ConfigTemplate, ConfigVersion as StoredVersion } from "../../domain/configs/config-template.ts";
import { resolveConfig } from "../../domain/configs/resolve-config.ts";
import { digestOf } from "../../domain/digest.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import { presentTemplate } from "../present.ts";
import { applied, assertSameName, tenantIn, writeOrPreview } from "../resources/requests.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import type { Written } from "../resources/write-context.ts";
import { openTemplate } from "../secrets/seal-config.ts";

type ConfigRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `configs.${string}`>>;

export function configRoutes(deps: ApplicationDependencies): ConfigRoutes {
  const find = (ctx: RequestContext, id: string) => deps.transactions.tenant(tenantIn(ctx).id, (tx) => tx.templates.get(id));
  const present = (ctx: RequestContext, template: ConfigTemplate) => presentTemplate(template, tenantIn(ctx).name, digestOf(template.spec));
  const presentWritten = (ctx: RequestContext) => (written: Written) => present(ctx, written.after as ConfigTemplate);

  return {
    "configs.list": async (ctx, { query }) => {
      const page = await deps.transactions.tenant(tenantIn(ctx).id, (tx) => tx.templates.list(query));
      return { ...page, items: page.items.map((template) => present(ctx, template)) };
    },
    "configs.create": (ctx, { body, query }) =>
      writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent", draft: true }), deps, presentWritten(ctx)),
    "configs.get": async (ctx, { params }) => present(ctx, await find(ctx, params.id)),
    "configs.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await find(ctx, params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present", draft: true }), deps, presentWritten(ctx));
    },
    "configs.delete": async (ctx, { params, query }) => {
      const { name } = await find(ctx, params.id);
      return writeOrPreview(
        ctx,
        query,
        { action: "delete", kind: "ConfigTemplate", name, tenant: tenantIn(ctx).name },
        deps,
        () => undefined,
      );
    },
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
      const change = { action: "publish", name, message: body.message, tenant: tenant.name } as const;
      return writeOrPreview(ctx, query, change, deps, async ({ after }, tx) => {
        const { id, publishedVersion } = after as ConfigTemplate;
        const version = await (await tx.enter(tenant.id)).templates.findVersion(id, publishedVersion);
        if (!version) {
          throw new ClawError("service.internal", `version ${publishedVersion} of '${name}' is missing`);
        }
        return presentVersion(version);
      });
    },
    "configs.validate": async (ctx, { params, body }) => {
      const template = await find(ctx, params.id);
      const adapter = deps.types.find(template.spec.adapter);
      if (!adapter) {
        return { valid: false, issues: [{ path: "spec.adapter", message: `adapter '${template.spec.adapter}' is not known` }] };
      }
      const sealed = new Set<string>();
      const config = resolveConfig({
        template: openTemplate(template.spec, deps.cipher, (key) => sealed.add(key)),
        defaults: adapter.defaults,
        secretKeys: adapter.secretKeys,
        plainKeys: adapter.plainKeys,
        values: [],
        overrides: Object.entries(body.values).map(([key, value]) => ({ key, value })),
        sealed,
      });
      const issues =
        config.issues.length > 0
          ? config.issues
          : await adapter.validate(adapter.parseConfig(config.unified, config.secrets), adapter.defaultVersion);
      return { valid: issues.length === 0, issues: [...issues] };
    },
  };
}

function presentVersion({ version, author, createdAt, message, digest, spec }: StoredVersion): ConfigVersion {
  return { version, author, createdAt, message, digest, spec: maskLeaves(spec) };
}
