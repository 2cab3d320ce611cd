import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";
import { afterAll, describe, it } from "vitest";
import { EngineOptionsError, embeddedEngine } from "../../../service/roots/exports/automation.ts";
import { freePort } from "../../support/free-port.ts";

const folder = mkdtempSync(join(tmpdir(), "claw-own-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("embeddedEngine", () => {
  it("refuses a state that it can't keep stacks in, naming the setting, what is wrong and what to give", async ({ expect }) => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    mkdirSync(join(folder, "of-the-cli", ".pulumi"), { recursive: true });
    const nobody = `127.0.0.1:${await freePort()}`;
    const refused = async (state: string) => {
      const error = await embeddedEngine({ state }).then(
        async (engine) => engine.close(),
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(EngineOptionsError);
      return (error as Error).message.replaceAll(folder, "<dir>").replaceAll(nobody, "<nobody>");
    };
    expect(
      await Promise.all(["", "s3://bucket", file, join(file, "below"), join(folder, "of-the-cli")].map(refused)),
    ).toMatchInlineSnapshot(`
      [
        "state: is empty; give a folder, like './state', or a database, like 'postgres://user@host/name'",
        "state: stacks can't be kept in 's3://…'; give a folder, like './state', or a database, like 'postgres://user@host/name'",
        "state: '<dir>/a-file' is no folder; give a folder that this user may write to",
        "state: '<dir>/a-file/below' is no folder; give a folder that this user may write to",
        "state: '<dir>/of-the-cli' has stacks of the Pulumi CLI; give another folder, and move each stack: pulumi stack export, then importStack",
      ]
    `);
    expect(
      await Promise.all([`postgres://me:s3cret@${nobody}/claws`, "postgres://me:s3cret@host:port/claws"].map(refused)),
    ).toMatchInlineSnapshot(`
      [
        "state: the database at <nobody>/claws can't be used: connect ECONNREFUSED <nobody>; check host, name, user and password of the URL, and that the server runs",
        "state: the URL of the database can't be read; give it like 'postgres://user@host:5432/name'; encode odd characters in its parts",
      ]
    `);
  });

  it("says where to get the passphrase and the plugin that a program lacks", async ({ expect, onTestFinished }) => {
    const engine = await embeddedEngine({ state: join(folder, "state") });
    onTestFinished(() => engine.close());
    const args = { stackName: "dev", projectName: "own", program: async () => {} };
    await expect(LocalWorkspace.createStack(args, { pulumiCommand: engine })).rejects.toThrow(
      /passphrase must be set with PULUMI_CONFIG_PASSPHRASE/,
    );
    const { run } = engine as unknown as { run(args: string[], cwd: string, env: object): Promise<unknown> };
    await expect(run.call(engine, ["plugin", "install", "resource", "random", "4.16.0"], folder, {})).rejects.toThrow(
      /no provider for package 'random'.*put it on PATH, or run: pulumi plugin install resource random 4\.16\.0/,
    );
  });
});
