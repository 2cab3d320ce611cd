import type { FastifyPluginAsync } from "fastify";
import type { Vitals } from "../../application/ports/service/vitals.ts";

export interface MetricsOptions {
  readonly vitals: () => Vitals;
}

/** Prometheus' text form. */
const TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What a monitoring system scrapes of this replica, with a platform token: how the process does, and what it depends on. */
export const metrics: FastifyPluginAsync<MetricsOptions> = async (app, { vitals }) => {
  app.get(
    "/metrics",
    { config: { scope: "platform", permission: "service.read" }, serializerCompiler: () => String },
    async (_request, reply) => reply.type(TYPE).send(textOf(vitals())),
  );
};

function textOf({ uptimeSeconds, residentBytes, eventLoopDelayMs, circuits }: Vitals): string {
  return [
    ...gauge("process_uptime_seconds", "Since the process started.", [["", uptimeSeconds]]),
    ...gauge("process_resident_memory_bytes", "What the process holds of memory.", [["", residentBytes]]),
    ...gauge("claw_event_loop_delay_seconds", "How late the event loop was lately.", [
      ['{quantile="mean"}', eventLoopDelayMs.mean / 1000],
      ['{quantile="0.99"}', eventLoopDelayMs.p99 / 1000],
    ]),
    ...gauge(
      "claw_circuit_open",
      "1: the dependency has failed three times in a row, and is not asked but now and then.",
      circuits.map(({ dependency, state }) => [labelOf(dependency), state === "closed" ? 0 : 1]),
    ),
    ...gauge(
      "claw_circuit_failures",
      "Failures of the dependency in a row.",
      circuits.map(({ dependency, failures }) => [labelOf(dependency), failures]),
    ),
    "",
  ].join("\n");
}

function gauge(name: string, help: string, values: readonly (readonly [labels: string, value: number])[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...values.map(([labels, value]) => `${name}${labels} ${value}`)];
}

function labelOf(dependency: string): string {
  return `{dependency="${dependency.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"}`;
}
