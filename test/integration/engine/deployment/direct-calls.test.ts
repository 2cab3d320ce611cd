import { type Client, connectivityState } from "@grpc/grpc-js";
import { getMonitor } from "@pulumi/pulumi/runtime/settings.js";
import { describe, it } from "vitest";
import { Thing } from "../../../support/engine/inline-stack.ts";
import { useStacks } from "../../../support/engine/stacks.ts";

const { aStack } = useStacks();

describe("a program in the engine's process", () => {
  it("calls the engine without a connection, also when the call fails", async ({ expect }) => {
    const stack = await aStack();
    const states: unknown[] = [];
    const program = (invalid?: string) => async () => {
      const thing = new Thing("a", invalid === undefined ? {} : { invalid });
      await new Promise((resolve) => thing.urn.apply(resolve));
      states.push((getMonitor() as unknown as Client).getChannel().getConnectivityState(false));
    };
    expect((await stack.up(program())).error).toBeUndefined();
    expect(states).toEqual([connectivityState.IDLE]);
    const refused = await stack.up(program("no"));
    expect(refused.error?.message).toContain("no");
  });

  it("gets odd text to the provider and back as it is", async ({ expect }) => {
    const stack = await aStack();
    const value = '\u0000 \ud83d\ude00 \u2028 \\ " é';
    await stack.up(async () => ({ value: new Thing("a", { value }).value }));
    expect((await stack.stack.outputs())["value"]).toEqual({ value, secret: false });
    expect((await stack.preview(async () => ({ value: new Thing("a", { value }).value }))).changes).toEqual({ same: 2 });
  });
});
