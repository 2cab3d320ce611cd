import * as pulumi from "@pulumi/pulumi";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

/** Kind and operation of each event of one resource. */
function story(events: readonly EngineEvent[], name: string): string[] {
  return events.flatMap(({ resourcePreEvent, resOutputsEvent, resOpFailedEvent }) => {
    const metadata = (resourcePreEvent ?? resOutputsEvent ?? resOpFailedEvent)?.metadata;
    if (!metadata?.urn.endsWith(`::${name}`)) {
      return [];
    }
    return [`${resourcePreEvent ? "pre" : resOutputsEvent ? "outputs" : "failed"} ${metadata.op}`];
  });
}

describe("the event stream", () => {
  conformance("begins with the config and ends with the summary, numbered without gaps", async ({ stack, expect }) => {
    await stack.api.setAllConfig({ shown: { value: "1" }, hidden: { value: "hush", secret: true } });
    const { events } = await stack.up(() => void new Thing("a"));
    const told = events.filter((event) => !event.diagnosticEvent);
    expect(told[0]?.preludeEvent?.config).toEqual({ "conf:shown": "1", "conf:hidden": "[secret]" });
    expect(told.at(-2)?.summaryEvent).toMatchObject({ maybeCorrupt: false, resourceChanges: { create: 2 }, PolicyPacks: {} });
    expect(told.at(-1)?.cancelEvent).toEqual({});
    expect(events.map((event) => event.sequence)).toEqual(events.map((_, index) => index));
    expect(events.every((event) => Math.abs(event.timestamp - Date.now() / 1000) < 600)).toBe(true);
  });

  conformance("tells a resource's step before and after, a component's outputs when they are registered", async ({ stack, expect }) => {
    const { events } = await stack.up(() => void new Thing("a", {}, { parent: new Component("c", {}, {}, { done: true }) }));
    expect(story(events, "a")).toEqual(["pre create", "outputs create"]);
    expect(story(events, "c")).toEqual(["pre create", "outputs create"]);
    const outputs = events.find(({ resOutputsEvent }) => resOutputsEvent?.metadata.urn.endsWith("::c"));
    expect(outputs?.resOutputsEvent?.metadata.new?.outputs).toEqual({ done: true });
  });

  conformance("tells a replacement as its parts", async ({ stack, expect }) => {
    const program = (key: string, value: number) => () => void new Thing("a", { [key]: value });
    await stack.up(program("replaceKey", 1));
    const { events } = await stack.up(program("replaceKey", 2));
    expect(story(events, "a")).toEqual([
      "pre create-replacement",
      "outputs create-replacement",
      "pre replace",
      "outputs replace",
      "pre delete-replaced",
      "outputs delete-replaced",
    ]);
    const replacement = events.find(({ resourcePreEvent }) => resourcePreEvent?.metadata.op === "replace")?.resourcePreEvent;
    expect(replacement?.metadata).toMatchObject({
      keys: ["replaceKey"],
      diffs: ["replaceKey"],
      detailedDiff: { replaceKey: { diffKind: "update-replace", inputDiff: true } },
      logical: true,
    });
  });

  conformance("tells a failed step with its error", async ({ stack, world, expect }) => {
    world.misbehave({ op: "create", name: "a", error: "no room" });
    const { events } = await stack.up(() => void new Thing("a"));
    expect(story(events, "a")).toEqual(["pre create", "failed create"]);
    const failed = events.find((event) => event.resOpFailedEvent)?.resOpFailedEvent;
    expect(failed).toMatchObject({ status: 0, steps: 1 });
    expect(events.find((event) => event.summaryEvent)?.summaryEvent).toMatchObject({ result: "failed" });
  });

  conformance("says that a state may be corrupt when a provider's answer leaves it open", async ({ stack, world, expect }) => {
    await stack.up(() => void new Thing("a", { size: 1 }));
    world.misbehave({ op: "update", name: "a", error: "connection reset" });
    const { events } = await stack.up(() => void new Thing("a", { size: 2 }));
    expect(events.find((event) => event.summaryEvent)?.summaryEvent?.maybeCorrupt).toBe(true);
  });

  conformance("shows the states' options, and hides the secrets of both", async ({ stack, expect }) => {
    const program = (size: number) => () =>
      void new Thing("a", { size, hidden: pulumi.secret("hush") }, { protect: true, retainOnDelete: true, hideDiffs: ["size"] });
    await stack.up(program(1));
    const { events } = await stack.up(program(2));
    const update = events.find(({ resourcePreEvent }) => resourcePreEvent?.metadata.op === "update")?.resourcePreEvent?.metadata;
    expect(update?.new).toMatchObject({ protect: true, retainOnDelete: true, hideDiffs: ["size"] });
    expect(update?.old).toMatchObject({ protect: true, retainOnDelete: true, hideDiffs: ["size"] });
    // The CLI's debug messages repeat whole requests.
    expect(JSON.stringify(events.filter((event) => !event.diagnosticEvent))).not.toContain("hush");
  });

  conformance("marks the steps of a preview as planned", async ({ stack, expect }) => {
    const { events } = await stack.preview(() => void new Thing("a"));
    const steps = events.flatMap(({ resourcePreEvent, resOutputsEvent }) => resourcePreEvent ?? resOutputsEvent ?? []);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps.every((step) => step.planning)).toBe(true);
    expect(events.find((event) => event.summaryEvent)?.summaryEvent).toMatchObject({ isPreview: true });
  });
});
