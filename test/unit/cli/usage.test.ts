import { describe, it } from "vitest";
import { anInstanceAnswer } from "../../support/builders/resources.ts";
import { runCli } from "../../support/cli.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

describe("usage", () => {
  it.for([
    { name: "an unknown command", argv: ["creat"], text: "Did you mean create?" },
    { name: "an unknown option", argv: ["get", "instances", "--bogus"], text: "fix: 'claw get --help'" },
    { name: "a missing argument", argv: ["tenants", "get"], text: "missing required argument 'tenant'" },
    { name: "a missing type", argv: ["create", "web"], text: "required option '--type <type>' not specified" },
    { name: "a wrong format", argv: ["types", "-o", "xml"], text: "Allowed choices are table, wide, json, yaml, name" },
    { name: "a missing file", argv: ["apply", "-f", "nope.yaml"], text: "nope.yaml can't be read" },
    { name: "no command", argv: [], text: "no command was given" },
  ])("of $name exits with 2 and says what to do", async ({ argv, text }, { expect }) => {
    const { code, stdout, stderr } = await runCli(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(text);
  });

  it("of -o json gets its error as JSON", async ({ expect }) => {
    await using server = await startServer((_, res) => refuse(res, "auth.unauthenticated"));
    const { code, stderr } = await runCli(["get", "instances", "-o", "json"], { url: server.url });
    expect(code).toBe(4);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "auth.unauthenticated", exitCode: 4, requestId: "req-1" } });
  });

  it("without a control plane says how to get one", async ({ expect }) => {
    const { code, stderr } = await runCli(["version", "--url", "http://127.0.0.1:1"]);
    expect(code).toBe(0);
    expect(stderr).toContain("can't be reached at http://127.0.0.1:1");
  });
});

describe("completion", () => {
  it.for([
    { name: "commands", words: ["st"], want: ["start", "stop", "stack", "status"] },
    { name: "commands of a noun", words: ["tenants", ""], want: ["list", "create", "get", "delete", "quota"] },
    { name: "options", words: ["logs", "--f"], want: ["--follow"] },
    { name: "choices of an option", words: ["get", "-o", "y"], want: ["yaml"] },
    { name: "names of instances", words: ["stop", "--wait", "w"], want: ["web"] },
    { name: "kinds", words: ["get", "te"], want: ["tenant"] },
    { name: "names after a kind", words: ["get", "instance", ""], want: ["web", "bot"] },
    { name: "names after a kind and a slash", words: ["delete", "instance/b"], want: ["instance/bot"] },
    { name: "nothing after the last argument's choices", words: ["completion", "z"], want: ["zsh"] },
  ])("offers $name", async ({ words, want }, { expect }) => {
    await using server = await startServer((_, res) => answer(res, 200, { items: [anInstanceAnswer("web"), anInstanceAnswer("bot")] }));
    const { stdout } = await runCli(["complete", "--", ...words], { url: server.url });
    expect(
      stdout
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split("\t")[0]),
    ).toEqual(want);
  });
});
