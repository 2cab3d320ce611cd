import { type ActionOf, ClawError } from "../../../sdk/contract/index.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";
import type { Runtimes } from "../ports/runtimes/runtime.ts";
import type { ResourceKind } from "../resources/kind.ts";
import type { RequestDependencies } from "../resources/requests.ts";
import { type Asked, type Named, resourceRoutes } from "../resources/resource-routes.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import { tenantIn } from "../resources/tenant-in.ts";
import { notRunning } from "../runtimes/down.ts";
import { assertConfined, type Unconfined } from "./host-use.ts";
import { addressOf, type OpenChannel } from "./open-channel.ts";

/** How long a log read may take before what has come is answered. */
const LOGS_TIMEOUT_MS = 5000;
/** What of a log is answered at most, in characters. */
const LOGS_LENGTH_MAX = 1024 * 1024;

interface InstanceRouteDependencies extends RequestDependencies {
  readonly runtimes: Runtimes;
  readonly openChannel: OpenChannel;
  readonly unconfined?: Unconfined | undefined;
}

type InstanceRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `instances.${string}`>>;

export function instanceRoutes(kind: ResourceKind<"ClawInstance", Instance>, deps: InstanceRouteDependencies): InstanceRoutes {
  const own = resourceRoutes(kind, deps);
  const find = (ctx: RequestContext, id: string): Promise<Instance> => kind.get(ctx, deps.transactions, id);
  const act = (action: ActionOf<"ClawInstance">["action"]) => async (ctx: RequestContext, input: Named & Asked) =>
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
    "instances.logs": async (ctx, { params, query }) => {
      const instance = await find(ctx, params.id);
      const text = await readAll(
        await deps.openChannel(addressOf(instance, tenantIn(ctx).name), { channel: "logs", tailLines: query.tailLines, follow: false }),
      );
      return { lines: text === "" ? [] : text.replace(/\n$/, "").split("\n") };
    },
    "instances.events": async (ctx, { params, query }) => {
      const instance = await find(ctx, params.id);
      const page = await deps.transactions.tenant(instance.tenantId, (tx) => tx.events.list(instance.id, query.limit, query.cursor));
      return { ...page, items: [...page.items] };
    },
    "instances.console": async (ctx, { params, body }) => {
      const instance = await find(ctx, params.id);
      assertConfined(ctx.actor, instance.cluster, deps.unconfined);
      assertReachable(instance, deps);
      return { url: `/api/v1/instances/${instance.id}/console/stream?cols=${body.cols}&rows=${body.rows}` };
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

function readAll(channel: AgentChannel): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: string[] = [];
    let length = 0;
    const timer = setTimeout(() => {
      channel.close();
      resolve(lastOf(chunks));
    }, LOGS_TIMEOUT_MS);
    channel.onData((data) => {
      chunks.push(data);
      length += data.length;
      // Lines may be of any length, and as many come as were asked for: what is kept is the end.
      while (length - (chunks[0]?.length ?? 0) >= LOGS_LENGTH_MAX) {
        length -= chunks.shift()?.length ?? 0;
      }
    });
    channel.onClose(({ error }) => {
      clearTimeout(timer);
      if (error === undefined) {
        resolve(lastOf(chunks));
      } else {
        reject(new ClawError("instance.unreachable", `reading the logs failed: ${error}`));
      }
    });
  });
}

/** The last lines that fit. */
function lastOf(chunks: readonly string[]): string {
  const text = chunks.join("");
  const end = text.slice(-LOGS_LENGTH_MAX);
  return end.length === text.length ? text : end.slice(end.indexOf("\n") + 1);
}
