import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { beforeEach, describe, it, vi } from "vitest";
import { createProgress } from "../../../adapters/automation/progress.ts";
import { makeUrn } from "../../../adapters/engine/contract/urn.ts";
import type { OnProgress } from "../../../service/application/ports/stacks/stack-operations.ts";

const component = makeUrn("acme", "clusterclaw", undefined, "clusterclaw:index:ClawInstance", "web");
const part = (name: string) => makeUrn("acme", "clusterclaw", component, `clusterclaw:process:${name}`, `web-${name.toLowerCase()}`);
const [software, process] = [part("Software"), part("Process")];
const shared = makeUrn("acme", "clusterclaw", undefined, "kubernetes:core/v1:Namespace", "acme");

type Kind = "resourcePreEvent" | "resOutputsEvent" | "resOpFailedEvent";
const event = (kind: Kind, op: string, urn: string) =>
  ({ [kind]: { metadata: { op, urn, type: "", old: null, new: { inputs: { password: "s3cret" } } } } }) as unknown as EngineEvent;

function followed() {
  const told: Parameters<OnProgress>[0][] = [];
  let now = 0;
  const owners = new Map([component, software, process].map((urn) => [urn, "web"]));
  const progress = createProgress(
    owners,
    [component, software, process],
    (news) => told.push(news),
    () => new Date(1000 * now++),
  );
  return { ...progress, told, states: () => told.at(-1)?.map(({ name, op, state }) => `${name} ${op} ${state}`) };
}

beforeEach((test) => {
  vi.useFakeTimers();
  test.onTestFinished(() => void vi.useRealTimers());
});

describe("the progress of an operation", () => {
  it("is each resource's, from what the engine says of it, and of those that wait too", ({ expect }) => {
    const { onEvent, flush, told, states } = followed();
    onEvent(event("resourcePreEvent", "create", component));
    onEvent(event("resourcePreEvent", "create", software));
    flush();
    expect(states()).toEqual(["web create running", "web-software create running", "web-process undefined pending"]);
    onEvent(event("resOutputsEvent", "create", software));
    onEvent(event("resourcePreEvent", "create", process));
    onEvent(event("resOpFailedEvent", "create", process));
    flush();
    expect(told[1]).toEqual([
      {
        ...{ instance: "web", type: "clusterclaw:process:Software", name: "web-software", level: 1, op: "create", state: "done" },
        ...{ startedAt: "1970-01-01T00:00:01.000Z", endedAt: "1970-01-01T00:00:02.000Z" },
      },
      {
        ...{ instance: "web", type: "clusterclaw:process:Process", name: "web-process", level: 1, op: "create", state: "failed" },
        ...{ startedAt: "1970-01-01T00:00:03.000Z", endedAt: "1970-01-01T00:00:04.000Z" },
      },
    ]);
    expect(JSON.stringify(told)).not.toContain("s3cret");
  });

  it("knows replacements, reads, and what stays as it is", ({ expect }) => {
    const { onEvent, flush, states } = followed();
    onEvent(event("resourcePreEvent", "same", component));
    onEvent(event("resourcePreEvent", "refresh", software));
    onEvent(event("resourcePreEvent", "create-replacement", process));
    flush();
    expect(states()).toEqual(["web same done", "web-software read running", "web-process replace running"]);
    onEvent(event("resOutputsEvent", "create-replacement", process));
    onEvent(event("resourcePreEvent", "delete-replaced", process));
    flush();
    expect(states()).toEqual(["web-process replace running"]);
  });

  it("is not told before there is any, of what is no instance's, nor for each event", ({ expect }) => {
    const { onEvent, told } = followed();
    onEvent(event("resourcePreEvent", "create", shared));
    onEvent({ sequence: 1, timestamp: 1, preludeEvent: { config: {} } });
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([]);
    for (const urn of [component, software, process]) {
      onEvent(event("resourcePreEvent", "create", urn));
      onEvent(event("resOutputsEvent", "create", urn));
    }
    vi.advanceTimersByTime(1000);
    expect(told).toHaveLength(1);
  });
});
