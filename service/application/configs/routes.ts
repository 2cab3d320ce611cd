import { ClawError, type ConfigVersion } from "../../../sdk/contract/index.ts";
import type { ConfigTemplate, ConfigVersion as StoredVersion } from "../../domain/configs/config-template.ts";
import { maskLeaves } from "../../domain/sealed.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { ConfigQuestion } from "../ports/instances/claw-programs.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { writeOrPreview } from "../resources/requests.ts";
import { resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { valueIssues } from "./template-issues.ts";
import { usedVersionsIn } from "./template-users.ts";

type ConfigRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `configs.${string}`>>;

export function configRoutes(kind: ResourceKind<"ConfigTemplate", ConfigTemplate>, deps: ApplicationDependencies): ConfigRoutes {
  const own = resourceRoutes(kind, deps, { draft: true });
  const find = (ctx: RequestContext, id: string) => kind.get(ctx, deps.transactions, id);

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
      const change = { action: "publish", name, message: body.message, tenant: tenant.name } as const;
      return writeOrPreview(ctx, query, change, deps, async (written, tx) => {
        const { after } = kind.own(written);
        const version = after && (await (await tx.enter(tenant.id)).templates.findVersion(after.id, after.publishedVersion));
        if (!version) {
          throw new ClawError("service.internal", `version ${after?.publishedVersion} of '${name}' is missing`);
        }
        return presentVersion(version);
      });
    },
    "configs.validate": async (ctx, { params, body }) => {
      const template = await find(ctx, params.id);
      const { adapter, versions } = await deps.transactions.tenant(tenantIn(ctx).id, async (tx) => ({
        adapter: await deps.types.find(template.spec.adapter, tx),
        versions: await usedVersionsIn(tx, template),
      }));
      if (!adapter) {
        return { valid: false, issues: [{ path: "spec.adapter", message: `adapter '${template.spec.adapter}' is not known` }] };
      }
      const checked = async (question: ConfigQuestion) => {
        await deps.checks.ask([question]);
        return deps.checks.known(question);
      };
      const issues = await valueIssues(template.spec, { adapter, cipher: deps.cipher, checked, versions }, body.values);
      return { valid: issues.length === 0, issues: [...issues] };
    },
  };
}

function presentVersion({ version, author, createdAt, message, digest, spec }: StoredVersion): ConfigVersion {
  return { version, author, createdAt, message, digest, spec: maskLeaves(spec) };
}
