import { describe, it } from "vitest";
import type { ApplicationDependencies } from "../../../../../service/application/dependencies.ts";
import { instanceKind } from "../../../../../service/application/instances/instance-kind.ts";
import { instanceRoutes } from "../../../../../service/application/instances/routes.ts";
import type { AgentChannel } from "../../../../../service/application/ports/instances/agents.ts";
import type { RequestContext } from "../../../../../service/application/resources/route-handlers.ts";
import { administrator } from "../../../../../service/domain/access/actor.ts";
import { anInstance } from "../../../../support/builders/instance.ts";

/** What is answered when an agent sends this. */
async function answerTo(frames: readonly string[]): Promise<readonly string[]> {
  const channel = {
    onData: (listener: (data: string) => void) => frames.forEach(listener),
    onClose: (listener: (end: object) => void) => listener({}),
  } as AgentChannel;
  const deps = {
    transactions: { reads: { tenant: async () => anInstance() } },
    openChannel: async () => channel,
  } as unknown as ApplicationDependencies;
  const handlers = instanceRoutes(instanceKind(deps), deps);
  const ctx: RequestContext = {
    actor: administrator("a"),
    tenant: { id: "ten_1", name: "acme" },
    requestId: "req_1",
    ifMatch: undefined,
  };
  return (await handlers["instances.logs"](ctx, { params: { id: "x" }, query: { tailLines: 9 }, body: undefined })).lines;
}

const linesOf = (...lines: string[]) => JSON.stringify({ type: "lines", lines });

describe("the lines of a log", () => {
  const line = "x".repeat(1000);

  it("are all that came, as far as they fit", async ({ expect }) => {
    expect(await answerTo([linesOf("one", "two"), JSON.stringify({ type: "gap", message: "gone" }), linesOf("three")])).toEqual([
      "one",
      "two",
      "three",
    ]);
    expect(await answerTo([])).toEqual([]);
  });

  it("are the last whole ones when an agent sends more than is answered", async ({ expect }) => {
    const frames = Array.from({ length: 5000 }, (_, index) => linesOf(`${index} ${line}`));
    const lines = await answerTo(frames);
    expect(lines.every((text) => /^\d+ x{1000}$/.test(text))).toBe(true);
    expect(lines.at(-1)).toBe(`4999 ${line}`);
    expect(lines.join("\n").length).toBeGreaterThan(2 ** 20 - 2000);
    expect(lines.join("\n").length).toBeLessThanOrEqual(2 ** 20);
    expect(await answerTo([linesOf("y".repeat(2 ** 22))])).toEqual(["y".repeat(2 ** 20)]);
  });
});
