import { type ActionOf, ClawError } from "../../../sdk/contract/index.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { SecretCipher } from "../ports/secrets/secret-cipher.ts";
import type { ResourceKind } from "../resources/kind.ts";
import type { RequestDependencies } from "../resources/requests.ts";
import { type Asked, type Named, resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { notRunning } from "../runtimes/down.ts";
import { listChatSessions } from "./chat-sessions.ts";
import type { ConfigChecks } from "./config-checks.ts";
import { effectiveConfig } from "./effective-config.ts";
import { assertConfined, type Unconfined } from "./host-use.ts";
import { addressOf, type OpenChannel } from "./open-channel.ts";
import { readLines } from "./read-lines.ts";
import { type InstanceOrigins, makeLink } from "./visits.ts";

interface InstanceRouteDependencies extends RequestDependencies {
  readonly types: ClawTypes;
  readonly cipher: SecretCipher;
  readonly checks: ConfigChecks;
  readonly runtimes: Runtimes;
  readonly openChannel: OpenChannel;
  readonly unconfined?: Unconfined | undefined;
  readonly origins: InstanceOrigins | undefined;
  readonly clock: () => Date;
}

type InstanceRoutes = Pick<
  RouteHandlers,
  Exclude<Extract<keyof RouteHandlers, `instances.${string}`>, "instances.consistency" | "instances.check">
>;

export function instanceRoutes(kind: ResourceKind<"ClawInstance", Instance>, deps: InstanceRouteDependencies): InstanceRoutes {
  const own = resourceRoutes(kind, deps);
  const find = (ctx: RequestContext, id: string): Promise<Instance> => kind.get(ctx, deps.transactions, id);
  const act =
    (action: Exclude<ActionOf<"ClawInstance">["action"], "pin" | "upgrade" | "adopt" | "ignore">) =>
    async (ctx: RequestContext, input: Named & Asked) =>
      own.write(ctx, input.query, { action, name: await own.nameOf(ctx, input), tenant: tenantIn(ctx).name });

  return {
    "instances.list": own.list,
    "instances.get": own.get,
    "instances.create": own.create,
    "instances.replace": own.replace,
    "instances.delete": async (ctx, input) => {
      const target = { kind: kind.kind, name: await own.nameOf(ctx, input), tenant: tenantIn(ctx).name };
      return own.write(ctx, input.query, {
        action: "delete",
        ...target,
        purgeData: input.query.purgeData ?? false,
        forget: input.query.forget ?? false,
      });
    },
    "instances.start": act("start"),
    "instances.stop": act("stop"),
    "instances.restart": act("restart"),
    "instances.kill": act("kill"),
    "instances.pin": async (ctx, input) => {
      const change = { action: "pin", name: await own.nameOf(ctx, input), ...input.body } as const;
      return own.write(ctx, input.query, { ...change, tenant: tenantIn(ctx).name });
    },
    "instances.revert": act("revert"),
    "instances.adopt": async (ctx, input) => {
      const change = { action: "adopt", name: await own.nameOf(ctx, input), ...input.body } as const;
      return own.write(ctx, input.query, { ...change, tenant: tenantIn(ctx).name });
    },
    "instances.ignore": async (ctx, input) => {
      const change = { action: "ignore", name: await own.nameOf(ctx, input), ...input.body } as const;
      return own.write(ctx, input.query, { ...change, tenant: tenantIn(ctx).name });
    },
    "instances.logs": async (ctx, { params, query }) => {
      const instance = await find(ctx, params.id);
      const open = { channel: "logs", tailLines: query.tailLines, follow: false } as const;
      return { lines: (await readLines(await deps.openChannel(addressOf(instance, tenantIn(ctx).name), open))).lines };
    },
    "instances.events": async (ctx, { params, query }) => {
      const instance = await find(ctx, params.id);
      const page = await deps.transactions.reads.tenant(instance.tenantId, (tx) => tx.events.list(instance.id, query.limit, query.cursor));
      return { ...page, items: [...page.items] };
    },
    "instances.operations": async (ctx, { params }) => {
      const { id, tenantId } = await find(ctx, params.id);
      return { items: [...(await deps.transactions.reads.tenant(tenantId, (tx) => tx.operations.list(id)))] };
    },
    "instances.chatSessions": async (ctx, { params }) => listChatSessions(ctx, await find(ctx, params.id), deps),
    "instances.config": async (ctx, { params, query }) => effectiveConfig(await find(ctx, params.id), query, deps),
    "instances.console": async (ctx, { params, body }) => {
      const instance = await find(ctx, params.id);
      assertConfined(ctx.actor, instance.cluster, deps.unconfined);
      assertReachable(instance, deps);
      return { url: `/api/v1/instances/${instance.id}/console/stream?cols=${body.cols}&rows=${body.rows}` };
    },
    "instances.open": async (ctx, { params, body }) => {
      const instance = await find(ctx, params.id);
      assertReachable(instance, deps);
      const { id: uid, name, tenantId } = instance;
      return makeLink(ctx.actor, { uid, name, tenantId, tenant: tenantIn(ctx).name }, body.path, deps);
    },
  };
}

function assertReachable(instance: Instance, deps: Pick<InstanceRouteDependencies, "runtimes">): void {
  if (!deps.runtimes.at(instance.cluster).isReachable(instance)) {
    if (!instance.spec.running) {
      throw notRunning(instance.name);
    }
    throw new ClawError(
      "instance.unreachable",
      `the agent of instance '${instance.name}' is not connected (phase ${instance.status.phase}); is it running? claw describe ${instance.name}`,
    );
  }
}
