import { ClawError, type ClawInstance } from "../../../sdk/contract/index.ts";
import type { PlannedChange } from "../../domain/change.ts";
import type { Instance } from "../../domain/instances/instance.ts";
import type { ApplicationDependencies } from "../dependencies.ts";
import type { AgentChannel } from "../ports/instances/agents.ts";
import { presentInstance } from "../present.ts";
import { applied, assertSameName, tenantIn, writeOrPreview } from "../resources/requests.ts";
import type { RequestContext, RouteHandlers } from "../resources/route-handlers.ts";
import type { Written } from "../resources/write-context.ts";
import { notRunning } from "../runtimes/down.ts";
import { assertConfined } from "./host-use.ts";
import { channelTarget } from "./open-channel.ts";

/** How long a log read may take before what has come is answered. */
const LOGS_TIMEOUT_MS = 5000;
/** What of a log is answered at most, in characters. */
const LOGS_LENGTH_MAX = 1024 * 1024;

type InstanceRoutes = Pick<RouteHandlers, Extract<keyof RouteHandlers, `instances.${string}`>>;

export function instanceRoutes(deps: ApplicationDependencies): InstanceRoutes {
  const find = (ctx: RequestContext, id: string): Promise<Instance> => {
    const tenant = tenantIn(ctx);
    return deps.transactions.tenant(tenant.id, (tx) => tx.instances.get(id));
  };
  const act = async (
    ctx: RequestContext,
    id: string,
    query: { preview?: boolean | undefined },
    action: "start" | "stop" | "restart" | "kill" | "delete",
    purgeData = false,
  ) => {
    const tenant = tenantIn(ctx);
    const { name } = await find(ctx, id);
    const change: PlannedChange =
      action === "delete" ? { action, kind: "ClawInstance", name, tenant: tenant.name, purgeData } : { action, name, tenant: tenant.name };
    return writeOrPreview(ctx, query, change, deps, presentWritten);
  };

  return {
    "instances.list": async (ctx, { query }) => {
      const tenant = tenantIn(ctx);
      const page = await deps.transactions.tenant(tenant.id, (tx) => tx.instances.list(query));
      return { ...page, items: page.items.map((instance) => presentInstance(instance, tenant.name)) };
    },
    "instances.get": async (ctx, { params }) => presentInstance(await find(ctx, params.id), tenantIn(ctx).name),
    "instances.create": (ctx, { body, query }) =>
      writeOrPreview(ctx, query, applied(ctx, body, { expect: "absent" }), deps, presentWritten),
    "instances.replace": async (ctx, { params, body, query }) => {
      assertSameName(body, await find(ctx, params.id));
      return writeOrPreview(ctx, query, applied(ctx, body, { expect: "present" }), deps, presentWritten);
    },
    "instances.delete": (ctx, { params, query }) => act(ctx, params.id, query, "delete", query.purgeData),
    "instances.start": (ctx, { params, query }) => act(ctx, params.id, query, "start"),
    "instances.stop": (ctx, { params, query }) => act(ctx, params.id, query, "stop"),
    "instances.restart": (ctx, { params, query }) => act(ctx, params.id, query, "restart"),
    "instances.kill": (ctx, { params, query }) => act(ctx, params.id, query, "kill"),
    "instances.logs": async (ctx, { params, query }) => {
      const instance = await find(ctx, params.id);
      const text = await readAll(
        await deps.openChannel(channelTarget(instance, tenantIn(ctx).name), { channel: "logs", tailLines: query.tailLines, follow: false }),
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

function presentWritten(written: Written): ClawInstance {
  return presentInstance(written.after as Instance, written.tenant);
}

function assertReachable(instance: Instance, deps: ApplicationDependencies): void {
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
