import type { FastifyPluginAsync } from "fastify";
import type { Vitals } from "../../application/ports/service/vitals.ts";
import type { DataKeyAge } from "../../application/secrets/data-keys.ts";
import { TALLIES, type Tallies, type TallyName } from "../../domain/tallies.ts";
import type { OpenStreams } from "../streams/open-streams.ts";

export interface MetricsOptions {
  readonly vitals: () => Vitals;
  readonly tallies: Pick<Tallies, "read">;
  readonly open: Pick<OpenStreams, "byKind">;
  /** How old the keys are that secrets are sealed with, once that is known. */
  readonly keys: () => DataKeyAge | undefined;
}

/** Prometheus' text form. */
const TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What a monitoring system scrapes of this replica, with a platform token: how the process does, and what it depends on. */
export const metrics: FastifyPluginAsync<MetricsOptions> = async (app, { vitals, tallies, open, keys }) => {
  app.get(
    "/metrics",
    { config: { scope: "platform", permission: "service.read", action: "service.metrics" }, serializerCompiler: () => String },
    async (_request, reply) =>
      reply.type(TYPE).send([...vitalsOf(vitals()), ...streamsOf(open), ...keysOf(keys()), ...talliesOf(tallies), ""].join("\n")),
  );
};

function vitalsOf({ uptimeSeconds, residentBytes, eventLoopDelayMs, circuits }: Vitals): string[] {
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
      circuits.map(({ dependency, state }) => [labelsOf({ dependency }), state === "closed" ? 0 : 1]),
    ),
    ...gauge(
      "claw_circuit_failures",
      "Failures of the dependency in a row.",
      circuits.map(({ dependency, failures }) => [labelsOf({ dependency }), failures]),
    ),
  ];
}

function streamsOf(open: Pick<OpenStreams, "byKind">): string[] {
  const values = open.byKind().map(([kind, count]) => [labelsOf({ kind }), count] as const);
  return gauge("claw_streams_open", "Streams to instances that are open here, by what they are.", values);
}

function keysOf(age: DataKeyAge | undefined): string[] {
  const since = (time: string) => Math.round((Date.now() - Date.parse(time)) / 1000);
  return [
    ...gauge("claw_data_key_age_seconds", "Since the key was made that seals secrets.", age ? [["", since(age.createdAt)]] : []),
    ...gauge("claw_data_key_wrapped_seconds", "Since it was wrapped last: by a rotation.", age ? [["", since(age.wrappedAt)]] : []),
  ];
}

function talliesOf(tallies: Pick<Tallies, "read">): string[] {
  return (Object.keys(TALLIES) as TallyName[]).flatMap((name) => {
    const values = tallies.read(name).map(({ labels, count }) => [labelsOf(labels), count] as const);
    return metric("counter", name, TALLIES[name].help, values);
  });
}

type Values = readonly (readonly [labels: string, value: number])[];

function gauge(name: string, help: string, values: Values): string[] {
  return metric("gauge", name, help, values);
}

function metric(type: "gauge" | "counter", name: string, help: string, values: Values): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values.map(([labels, value]) => `${name}${labels} ${value}`)];
}

function labelsOf(labels: Readonly<Record<string, string>>): string {
  const told = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
  );
  return told.length === 0 ? "" : `{${told.join(",")}}`;
}
