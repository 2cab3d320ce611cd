import * as pulumi from "@pulumi/pulumi";
import { describe } from "vitest";
import { conformanceSuite } from "../../../support/engine/conformance.ts";
import { Component, Provider, Thing } from "../../../support/engine/test-resources.ts";

const conformance = conformanceSuite();

describe("a provider's configuration", () => {
  conformance("that changes in place leaves its resources alone", async ({ stack, expect }) => {
    const program = (region: string) => () => void new Thing("a", {}, { provider: new Provider("p", { region }) });
    await stack.up(program("north"));
    const up = await stack.up(program("south"));
    expect(up).toMatchObject({ ok: true, changes: { same: 2, update: 1 } });
  });

  conformance("that replaces the provider replaces its resources", async ({ stack, expect }) => {
    const program = (account: string) => () => void new Thing("a", {}, { provider: new Provider("p", { replaceAccount: account }) });
    await stack.up(program("one"));
    const up = await stack.up(program("two"));
    expect(up).toMatchObject({ ok: true, changes: { same: 1, replace: 2 } });
    expect(await stack.names()).toEqual(["p", "a"]);
  });

  conformance("of another provider decides whether a resource that moves there is replaced", async ({ stack, expect }) => {
    const program = (used: "p" | "q", account: string) => () => {
      const providers = {
        p: new Provider("p", { replaceAccount: "one" }),
        q: new Provider("q", { replaceAccount: account }),
      };
      new Thing("a", {}, { provider: providers[used] });
    };
    await stack.up(program("p", "one"));
    expect((await stack.up(program("q", "one"))).changes).toEqual({ same: 4 });
    expect((await stack.resource("a"))?.provider).toContain("::q::");
    expect((await stack.up(program("p", "one"))).changes).toEqual({ same: 4 });
    await stack.up(program("p", "two"));
    const moved = await stack.up(program("q", "two"));
    expect(moved.changes).toEqual({ same: 3, replace: 1 });
  });

  conformance("that it refuses fails the update before any resource", async ({ stack, world, expect }) => {
    const up = await stack.up(() => void new Thing("a", {}, { provider: new Provider("p", { invalid: "no such account" }) }));
    expect(up.ok).toBe(false);
    expect(up.diagnostics.join("\n")).toContain("no such account");
    expect(world.ids()).toEqual([]);
  });

  conformance("comes from the stack's config for a default provider", async ({ stack, expect }) => {
    await stack.api.setAllConfig({ "testing:region": { value: "north" }, "testing:token": { value: "hush", secret: true } });
    await stack.up(() => void new Thing("a"));
    const provider = (await stack.resources()).find((state) => state.urn.includes("pulumi:providers:testing::default"));
    expect(provider?.inputs).toMatchObject({ region: "north" });
    expect(JSON.stringify(provider?.inputs?.["token"])).toContain("plaintext");
    expect((await stack.up()).changes).toEqual({ same: 2 });
  });

  conformance("that deletes the provider first deletes its resources before it", async ({ stack, world, expect }) => {
    const program = (account: string) => () => {
      const provider = new Provider("p", { dbrAccount: account });
      const a = new Thing("a", {}, { provider });
      new Thing("b", { replaceFrom: a.id }, { provider });
    };
    await stack.up(program("one"));
    world.forgetCalls();
    expect(await stack.up(program("two"), { parallel: 1 })).toMatchObject({ ok: true, changes: { same: 1, replace: 3 } });
    const writes = world
      .calls()
      .flatMap(({ op, name, preview }) => (["create", "delete"].includes(op) && !preview ? [`${op} ${name}`] : []));
    expect(writes).toEqual(["delete b", "delete a", "create a", "create b"]);
  });

  conformance("is the same under the provider's new name", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { provider: new Provider("old", { replaceAccount: "one" }) }));
    const renamed = () => {
      const provider = new Provider("new", { replaceAccount: "one" }, { aliases: [{ name: "old" }] });
      new Thing("a", {}, { provider });
    };
    expect(await stack.up(renamed)).toMatchObject({ ok: true, changes: { same: 3 } });
    expect((await stack.resource("a"))?.provider).toContain("::new::");
    expect(await stack.up(renamed)).toMatchObject({ changes: { same: 3 } });
  });

  conformance("is asked of the provider that an invoke names", async ({ stack, expect }) => {
    await stack.up(() => {
      const provider = new Provider("p", { region: "north" });
      const echo = (options: pulumi.InvokeOutputOptions) =>
        pulumi.runtime
          .invokeOutput<{ config: { region: string } }>("testing:index:echo", {}, options)
          .apply((answer) => answer.config.region);
      const own = echo({ provider });
      // The CLI has one process for both here, which the last configuration wins: the other invoke is over by then.
      const other = new Provider("q", { region: own.apply(() => "south") });
      return { own, parents: echo({ parent: new Component("c", {}, { providers: [other] }) }) };
    });
    expect(await stack.outputs()).toEqual({ own: { value: "north", secret: false }, parents: { value: "south", secret: false } });
  });
});

describe("a default provider", () => {
  conformance("is named after the version that is asked for", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { version: "1.0.0" }));
    expect((await stack.resource("a"))?.provider).toContain("::default_1_0_0::");
  });

  conformance("is refused when config says so", async ({ stack, expect }) => {
    await stack.api.setConfig("pulumi:disable-default-providers", { value: '["testing"]' });
    const up = await stack.up(() => void new Thing("a"));
    expect(up.ok).toBe(false);
    expect(up.message).toContain("Default provider for 'testing' disabled");
  });

  conformance("that is refused does not hold back an explicit one", async ({ stack, expect }) => {
    await stack.api.setConfig("pulumi:disable-default-providers", { value: '["*"]' });
    const up = await stack.up(() => void new Thing("a", {}, { provider: new Provider("p") }));
    expect(up.ok).toBe(true);
  });

  conformance("of another version takes resources over in place", async ({ stack, expect }) => {
    const program = (version: string) => () => void new Thing("a", { size: 1 }, { version });
    await stack.up(program("1.0.0"));
    const up = await stack.up(program("1.0.1"));
    expect(up).toMatchObject({ ok: true, changes: { same: 2 } });
    expect((await stack.resource("a"))?.provider).toContain("::default_1_0_1::");
    expect((await stack.resources()).filter((state) => state.type === "pulumi:providers:testing")).toHaveLength(1);
  });

  conformance("from another origin has a name of its own", async ({ stack, expect }) => {
    await stack.up(() => void new Thing("a", {}, { version: "1.0.0", pluginDownloadURL: "https://plugins.example/x" }));
    expect((await stack.resource("a"))?.provider).toContain("::default_1_0_0_https");
    const provider = (await stack.resources()).find((state) => state.type === "pulumi:providers:testing");
    expect(provider?.inputs).toMatchObject({ __internal: { pluginDownloadURL: "https://plugins.example/x" } });
    expect(provider?.outputs).not.toHaveProperty("__internal");
  });

  conformance("whose config changes in place leaves its resources alone", async ({ stack, expect }) => {
    await stack.api.setConfig("testing:region", { value: "north" });
    await stack.up(() => void new Thing("a"));
    await stack.api.setConfig("testing:region", { value: "south" });
    expect(await stack.up()).toMatchObject({ ok: true, changes: { same: 2 } });
  });

  conformance("whose config replaces it replaces its resources", async ({ stack, world, expect }) => {
    await stack.api.setConfig("testing:replaceAccount", { value: "one" });
    await stack.up(() => void new Thing("a"));
    await stack.api.setConfig("testing:replaceAccount", { value: "two" });
    expect(await stack.up()).toMatchObject({ ok: true, changes: { same: 1, replace: 1 } });
    expect(world.ids()).toEqual(["a-2"]);
  });
});
