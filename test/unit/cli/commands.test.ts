// One file, though a long one: all commands are run against one client that is played.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "vitest";
import { resourceKinds } from "../../../sdk/contract/index.ts";
import { anInstanceAnswer, aPreview, aPreviewItem, aTemplateAnswer } from "../../support/builders/resources.ts";
import { runCli, tempDir } from "../../support/cli.ts";
import { answer, refuse, startServer } from "../../support/http-server.ts";

const WEB = `apiVersion: clusterclaw.io/v1
kind: ClawInstance
metadata: { name: web }
spec: { type: Echo }
`;

describe("claw get", () => {
  const serve = () =>
    startServer((req, res) => {
      switch (`${req.method} ${req.path}`) {
        case "GET /api/v1/instances":
          return answer(res, 200, {
            items: [anInstanceAnswer("web"), anInstanceAnswer("bot", { status: { phase: "Stopped", readyReplicas: 0 } })],
          });
        case "GET /api/v1/instances/web":
          return answer(res, 200, anInstanceAnswer("web"));
        case "GET /api/v1/configs/base":
          return answer(res, 200, aTemplateAnswer());
        default:
          return refuse(res, "instance.not_found", { detail: "there is no instance 'gone' in tenant 'acme'" });
      }
    });

  it("prints a table of all, with the selector sent to the service", async ({ expect }) => {
    await using server = await serve();
    const result = await runCli(["get", "instances", "-l", "team=red"], { url: server.url });
    expect(result.code).toBe(0);
    expect(result.stdout.replace(/\d+d\d*h?/g, "AGE")).toMatchInlineSnapshot(`
      "NAME  TYPE  VERSION  PHASE    READY  RESTARTS  AGE
      web   Echo  1.2.3    Running  1/1    0         AGE
      bot   Echo  1.2.3    Stopped  0/1    0         AGE
      "
    `);
    expect(server.requests[0]?.query.get("labelSelector")).toBe("team=red");
    expect(server.requests[0]?.headers).toMatchObject({ authorization: "Bearer token-0", "x-claw-tenant": "acme" });
  });

  it("prints the API's object as JSON, YAML documents, and names", async ({ expect }) => {
    await using server = await serve();
    const json = await runCli(["get", "instance", "web", "-o", "json"], { url: server.url });
    expect(JSON.parse(json.stdout)).toEqual(anInstanceAnswer("web"));
    const list = await runCli(["get", "instances", "-o", "json"], { url: server.url });
    expect(JSON.parse(list.stdout).items).toHaveLength(2);
    const names = await runCli(["get", "instance/web", "config/base", "-o", "name"], { url: server.url });
    expect(names.stdout).toBe("instance/web\nconfig/base\n");
  });

  it("prints YAML that apply takes back", async ({ expect }) => {
    await using server = await serve();
    const { stdout } = await runCli(["get", "instances", "-o", "yaml"], { url: server.url });
    await using target = await startServer((_, res) => answer(res, 201, aPreview({ items: [] })));
    await runCli(["apply", "-f", "-"], { url: target.url, stdin: stdout });
    expect(target.requests[0]?.body).toEqual({
      manifests: [anInstanceAnswer("web"), anInstanceAnswer("bot", { status: { phase: "Stopped", readyReplicas: 0 } })],
    });
  });

  it("says on stderr that secrets are left out of a document, where they are", async ({ expect }) => {
    const keyed = anInstanceAnswer("web", { spec: { config: { overrides: [{ key: "model.apiKey", value: "[secret]" }] } } });
    await using server = await startServer((_, res) => answer(res, 200, keyed));
    const yaml = await runCli(["get", "instance", "web", "-o", "yaml"], { url: server.url });
    expect(yaml.stderr).toBe(
      'secrets are left out: [secret] means "as it is" when it is applied to the same resource, and is refused elsewhere\n',
    );
    await using plain = await serve();
    expect((await runCli(["get", "instance", "web", "-o", "yaml"], { url: plain.url })).stderr).toBe("");
  });

  it("exits with 3 for what is not there, saying how to find what is", async ({ expect }) => {
    await using server = await serve();
    const { code, stdout, stderr } = await runCli(["get", "instance", "gone"], { url: server.url });
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatchInlineSnapshot(`
      "error: Instance not found
      why: there is no instance 'gone' in tenant 'acme'
      fix: see which there are: 'claw get instances'; another tenant's need --tenant <name>
      instance.not_found, request req-1
      "
    `);
  });

  it("streams a line of JSON per change with --watch, and exits with 130 when interrupted", async ({ expect }) => {
    const phases = ["Creating", "Creating", "Running"] as const;
    await using server = await startServer((_, res, count) =>
      answer(res, 200, { items: [anInstanceAnswer("web", { status: { phase: phases[count - 1] ?? "Running" } })] }),
    );
    const interrupt = new AbortController();
    const { code, stdout } = await runCli(["get", "instances", "--watch", "-o", "json"], {
      url: server.url,
      signal: interrupt.signal,
      onStdout: (text) => {
        if (text.split("\n").length > 2) {
          interrupt.abort();
        }
      },
    });
    expect(code).toBe(130);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).status.phase);
    expect(lines).toEqual(["Creating", "Running"]);
  });
});

describe("claw leftovers", () => {
  it("lists what nobody knows, of all pages: until when, or why it is kept", async ({ expect }) => {
    const minutes = (count: number) => new Date(Date.now() + count * 60_000 + 30_000).toISOString();
    const mark = { cluster: "eu-1", namespace: "claw-acme", tenant: "acme", instance: "ins_1", since: minutes(-5) };
    await using server = await startServer((req, res) =>
      answer(
        res,
        200,
        req.query.get("cursor") === null
          ? { items: [{ ...mark, kind: "StatefulSet", name: "web", endsAt: minutes(55) }], nextCursor: "next" }
          : { items: [{ ...mark, kind: "PersistentVolumeClaim", name: "web-data", keptFor: "UserData" }] },
      ),
    );
    const { stdout } = await runCli(["leftovers"], { url: server.url });
    expect(stdout.replace(/4m[23]\ds/g, "4m30s").replace(/55m[23]\ds/g, "55m30s")).toMatchInlineSnapshot(`
      "KIND                   NAME                CLUSTER  TENANT  FOUND  ENDS IN  KEPT FOR
      StatefulSet            claw-acme/web       eu-1     acme    4m30s  55m30s   -
      PersistentVolumeClaim  claw-acme/web-data  eu-1     acme    4m30s  -        UserData
      "
    `);
    expect((await runCli(["leftovers", "-o", "name"], { url: server.url })).stdout).toBe(
      "statefulset/web\npersistentvolumeclaim/web-data\n",
    );
  });
});

describe("claw describe", () => {
  it("leaves out what there is none of", async ({ expect }) => {
    await using server = await startServer((req, res) =>
      answer(res, 200, req.path.includes("/events") ? { items: [] } : anInstanceAnswer("web")),
    );
    const { stdout, stderr } = await runCli(["describe", "web"], { url: server.url });
    expect(stdout).toContain("Specification");
    expect(stdout).not.toContain("Events");
    expect(stderr).toBe("");
  });
});

describe("claw apply", () => {
  const serve = (preview = aPreview()) =>
    startServer((req, res) => (req.path.endsWith("/apply") ? answer(res, 202, preview) : answer(res, 201, preview)));

  it("sends the manifests of files and folders as one plan in the order of their needs, and applies its plan", async ({ expect }) => {
    await using server = await serve();
    const cwd = await tempDir();
    await mkdir(join(cwd, "fleet/deep"), { recursive: true });
    await writeFile(join(cwd, "fleet/a.yaml"), WEB);
    await writeFile(join(cwd, "fleet/notes.txt"), "not a manifest");
    await writeFile(
      join(cwd, "fleet/deep/t.json"),
      '{"apiVersion":"clusterclaw.io/v1","kind":"Tenant","metadata":{"name":"acme"},"spec":{}}',
    );
    const result = await runCli(["apply", "-f", "fleet", "--yes"], { url: server.url, cwd });
    expect(result).toMatchObject({ code: 0, stdout: "instance/web created\n" });
    expect(server.requests.map((r) => `${r.method} ${r.path}`)).toEqual(["POST /api/v1/previews", "POST /api/v1/previews/pln_1/apply"]);
    expect(server.requests[0]?.body).toMatchObject({ manifests: [{ kind: "Tenant" }, { kind: "ClawInstance" }] });
  });

  it("waits for an instance of the name that is being destroyed with --wait, and names it without", async ({ expect }) => {
    const taken = {
      detail: "instance 'web' is being destroyed; wait until it is gone",
      errors: [{ path: "manifests[0].metadata.name", message: "instance 'web' is being destroyed", fix: "wait until it is gone" }],
    };
    let previews = 0;
    await using server = await startServer((req, res) => {
      if (req.path === "/api/v1/previews" && previews++ === 0) {
        return refuse(res, "instance.name_taken", taken);
      }
      return req.method === "GET" && previews === 1 ? refuse(res, "instance.not_found") : answer(res, 201, aPreview({ items: [] }));
    });
    const waited = await runCli(["apply", "-f", "-", "--yes", "--wait"], { url: server.url, stdin: WEB });
    expect(waited).toMatchObject({ code: 0, stderr: expect.stringContaining("waiting until instance/web is gone") });
    previews = 0;
    const named = await runCli(["apply", "-f", "-", "--yes"], { url: server.url, stdin: WEB });
    expect(named).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/ClawInstance\/web: metadata\.name: instance 'web' is being destroyed/),
    });
  });

  it("says of an instance that is as it was what its template did to it", async ({ expect }) => {
    const items = [
      aPreviewItem({ kind: "ConfigTemplate", name: "base", op: "update", effect: "none" }),
      aPreviewItem({ name: "same", op: "same", effect: "restart", diffs: [] }),
      aPreviewItem({ name: "hot", op: "update", effect: "hot-reload", diffs: [] }),
      aPreviewItem({ name: "still", op: "same", effect: "none", diffs: [] }),
    ];
    await using server = await serve(aPreview({ items }));
    const { stdout } = await runCli(["apply", "-f", "-", "--yes"], { url: server.url, stdin: WEB });
    expect(stdout).toBe(
      "config/base updated\ninstance/same restarted through its template\ninstance/hot reloaded through its template\ninstance/still unchanged\n",
    );
  });

  it("applies nothing without a terminal and --yes, and names both ways on", async ({ expect }) => {
    await using server = await serve();
    const { code, stderr, stdout } = await runCli(["apply", "-f", "-"], { url: server.url, stdin: WEB });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("give --yes, or 'claw apply --plan pln_1 --yes'");
    expect(server.requests).toHaveLength(1);
  });

  it("asks on a terminal, and takes no for an answer", async ({ expect }) => {
    await using server = await serve();
    const cwd = await tempDir();
    await writeFile(join(cwd, "web.yaml"), WEB);
    const no = await runCli(["apply", "-f", "web.yaml"], { url: server.url, cwd, tty: true, stdin: "n\n" });
    expect(no.code).toBe(0);
    expect(no.stderr).toContain("Apply this? [y/N]");
    expect(server.requests).toHaveLength(1);
    const yes = await runCli(["apply", "-f", "web.yaml"], { url: server.url, cwd, tty: true, stdin: "y\n" });
    expect(yes.stdout).toContain("instance/web created");
    expect(server.requests).toHaveLength(3);
  });

  it("applies a plan by its id after showing it", async ({ expect }) => {
    await using server = await serve();
    const { code, stderr } = await runCli(["apply", "--plan", "pln_1", "-y"], { url: server.url });
    expect(code).toBe(0);
    expect(stderr).toContain("+ instance/web");
    expect(server.requests.map((r) => `${r.method} ${r.path}`)).toEqual([
      "GET /api/v1/previews/pln_1",
      "POST /api/v1/previews/pln_1/apply",
    ]);
  });

  it("exits with 5 when the base moved", async ({ expect }) => {
    await using server = await startServer((req, res) =>
      req.method === "POST" ? refuse(res, "preview.stale") : answer(res, 200, aPreview()),
    );
    const { code, stderr } = await runCli(["apply", "--plan", "pln_1", "--yes"], { url: server.url });
    expect(code).toBe(5);
    expect(stderr).toContain("fix: preview again: 'claw diff -f <file>'");
  });

  it("with --yes previews again when only a status moved between the two calls, and applies that", async ({ expect }) => {
    await using server = await startServer((req, res, count) => {
      const preview = aPreview({ id: `pln_${count}`, planId: `pln_${count}` });
      req.path === "/api/v1/previews/pln_1/apply" ? refuse(res, "preview.stale") : answer(res, 202, preview);
    });
    const { code } = await runCli(["apply", "-f", "-", "--yes"], { url: server.url, stdin: WEB });
    expect(code).toBe(0);
    expect(server.requests.map((r) => r.path.replace("/api/v1/previews", ""))).toEqual(["", "/pln_1/apply", "", "/pln_3/apply"]);
  });

  it("applies nothing that a quota forbids", async ({ expect }) => {
    const verdicts = [{ kind: "quota" as const, name: "instances", allowed: false, message: "11 of 10 instances; ask your administrator" }];
    await using server = await serve(aPreview({ planId: undefined, verdicts }));
    const { code, stderr } = await runCli(["apply", "-f", "-", "--yes"], { url: server.url, stdin: WEB });
    expect(code).toBe(1);
    expect(stderr).toContain("the quota 'instances' forbids this\nwhy: 11 of 10 instances; ask your administrator");
    expect(server.requests).toHaveLength(1);
  });

  it("names the file and manifest of what the service finds wrong", async ({ expect }) => {
    const errors = [{ path: "manifests[0].spec.typo", message: "unknown key" }];
    await using server = await startServer((_, res) => refuse(res, "request.invalid", { errors }));
    const { code, stderr } = await runCli(["apply", "-f", "-"], { url: server.url, stdin: WEB });
    expect(code).toBe(1);
    expect(stderr).toContain("why: stdin: ClawInstance/web: spec.typo: unknown key");
  });

  it("waits for the instances of the plan and fails when one fails, saying why", async ({ expect }) => {
    const failed = anInstanceAnswer("web", {
      status: {
        phase: "Failed",
        conditions: [
          { type: "Ready", status: "False", reason: "CrashLoop", message: "exited with 1", lastTransitionTime: "2026-01-01T00:00:00.000Z" },
        ],
      },
    });
    await using server = await startServer((req, res) => {
      req.path.startsWith("/api/v1/instances") ? answer(res, 200, failed) : answer(res, 202, aPreview());
    });
    const { code, stderr } = await runCli(["apply", "-f", "-", "--yes", "--wait"], { url: server.url, stdin: WEB });
    expect(code).toBe(1);
    expect(stderr).toContain(
      "error: instance/web failed\nwhy: Failed, CrashLoop: exited with 1\nfix: see 'claw describe web' and 'claw logs web'",
    );
  });
});

describe("claw diff", () => {
  it.for([
    { name: "0 when something changes", op: "update" as const, flags: [], code: 0 },
    { name: "0 when nothing changes, asked for an exit code", op: "same" as const, flags: ["--exit-code"], code: 0 },
    { name: "6 when something changes, asked for an exit code", op: "update" as const, flags: ["--exit-code"], code: 6 },
  ])("exits with $name", async ({ op, flags, code }, { expect }) => {
    await using server = await startServer((_, res) => answer(res, 201, aPreview({ items: [aPreviewItem({ op, effect: "none" })] })));
    const result = await runCli(["diff", "-f", "-", ...flags], { url: server.url, stdin: WEB });
    expect(result.code).toBe(code);
    expect(result.stdout.includes("claw apply --plan pln_1")).toBe(op === "update");
  });
});

describe("a preview in pages", () => {
  it("is shown whole, and is applied, waited for and reported whole", async ({ expect }) => {
    const summary = { ...aPreview().summary, items: { create: 3, update: 0, delete: 0, same: 0 } };
    const page = (name: string, nextCursor?: string) => ({ items: [aPreviewItem({ name })], ...(nextCursor && { nextCursor }) });
    await using server = await startServer((req, res) => {
      if (req.path.endsWith("/changes")) {
        return answer(res, 200, req.query.get("cursor") === "1" ? page("second", "2") : page("third"));
      }
      return answer(res, req.path.endsWith("/apply") ? 202 : 201, aPreview({ ...page("first", "1"), summary }));
    });
    const { stdout } = await runCli(["diff", "-f", "-"], { url: server.url, stdin: WEB });
    expect(stdout.match(/[+] instance\/\w+/g)).toEqual(["+ instance/first", "+ instance/second", "+ instance/third"]);
    expect(stdout).toContain("Sum: 3 to create\n");
    const json = JSON.parse((await runCli(["diff", "-f", "-", "-o", "json"], { url: server.url, stdin: WEB })).stdout);
    expect(json).toMatchObject({ items: [{ name: "first" }, { name: "second" }, { name: "third" }] });
    expect(json).not.toHaveProperty("nextCursor");
    const applied = await runCli(["apply", "--plan", "pln_1", "--yes"], { url: server.url });
    expect(applied.stdout).toBe("instance/first created\ninstance/second created\ninstance/third created\n");
  });
});

describe("claw create", () => {
  it("sends only what was said, with overrides as JSON values", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 202, anInstanceAnswer("web")));
    const argv = [
      "create",
      "web",
      "--type",
      "Echo",
      "--config",
      "base",
      "--set",
      "memory.limit=2000",
      "--set",
      "model.name=x",
      "--label",
      "a=b",
    ];
    const { code, stdout } = await runCli([...argv, "--no-start"], { url: server.url });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "instance/web is being created\n" });
    expect(server.requests[0]?.body).toEqual({
      apiVersion: "clusterclaw.io/v1",
      kind: "ClawInstance",
      metadata: { name: "web", labels: { a: "b" } },
      spec: {
        type: "Echo",
        running: false,
        config: {
          template: "base",
          overrides: [
            { key: "memory.limit", value: 2000 },
            { key: "model.name", value: "x" },
          ],
        },
      },
    });
  });

  it.for([
    { argv: ["--cluster", "eu-1"], placement: { cluster: "eu-1" } },
    { argv: ["--cluster-label", "region=eu", "--cluster-label", "tier=a"], placement: { selector: { region: "eu", tier: "a" } } },
  ])("says where it is to run: $argv", async ({ argv, placement }, { expect }) => {
    await using server = await startServer((_, res) => answer(res, 202, anInstanceAnswer("web")));
    expect((await runCli(["create", "web", "--type", "Echo", ...argv], { url: server.url })).code).toBe(0);
    expect(server.requests[0]?.body).toMatchObject({ spec: { placement } });
  });

  it("previews instead of writing with --preview", async ({ expect }) => {
    await using server = await startServer((_, res) => answer(res, 202, aPreview()));
    const { stdout } = await runCli(["create", "web", "--type", "Echo", "--preview"], { url: server.url });
    expect(stdout).toContain("+ instance/web in acme  starts");
    expect(server.requests[0]?.query.get("preview")).toBe("true");
  });
});

describe("claw stop", () => {
  it("stops those with the labels", async ({ expect }) => {
    await using server = await startServer((req, res) =>
      req.method === "GET"
        ? answer(res, 200, { items: [anInstanceAnswer("a"), anInstanceAnswer("b")] })
        : answer(res, 202, anInstanceAnswer("a")),
    );
    const { code } = await runCli(["stop", "-l", "team=red"], { url: server.url });
    expect(code).toBe(0);
    expect(server.requests.map((r) => `${r.method} ${r.path}`)).toEqual([
      "GET /api/v1/instances",
      "POST /api/v1/instances/a/stop",
      "POST /api/v1/instances/b/stop",
    ]);
  });
});

describe("claw destroy", () => {
  it("destroys nothing when nobody can be asked", async ({ expect }) => {
    await using server = await startServer((_, res) =>
      answer(res, 201, aPreview({ items: [aPreviewItem({ op: "delete", effect: "delete" })] })),
    );
    const { code, stderr } = await runCli(["destroy", "web"], { url: server.url });
    expect(code).toBe(2);
    expect(stderr).toContain("give --yes");
    expect(server.requests.map((r) => r.path)).toEqual(["/api/v1/previews"]);
    expect(server.requests[0]?.body).toEqual({ changes: [{ action: "delete", kind: "ClawInstance", name: "web" }] });
  });
});

describe("--preview", () => {
  const template = "apiVersion: clusterclaw.io/v1\nkind: ConfigTemplate\nmetadata: { name: base }\nspec: { adapter: Echo }\n";
  it.for([
    ["create", "web", "--type", "Echo"],
    ["start", "web"],
    ["kill", "web"],
    ["destroy", "web", "--yes", "--wait"],
    ["delete", "config/base", "--yes"],
    ["tenants", "create", "acme"],
    ["tenants", "quota", "acme", "--instances", "3"],
    ["tenants", "delete", "acme", "--yes"],
    ["projects", "create", "team"],
    ["projects", "delete", "team"],
    ["configs", "create", "-f", "-"],
    ["configs", "publish", "base"],
    ["configs", "delete", "base"],
    ["clusters", "create", "eu-1", "--in-cluster", "--agent-url", "ws://claw/agent/v1", "--agent-image", "agent:1"],
    ["clusters", "delete", "eu-1"],
  ])("changes nothing: claw %s %s", async (argv, { expect }) => {
    await using server = await startServer((req, res) => answer(res, 200, req.method === "GET" ? { hard: {}, used: {} } : aPreview()));
    const { code, stdout } = await runCli([...argv, "--preview"], { url: server.url, stdin: template });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("pln_1") });
    const writes = server.requests.filter(({ method }) => method !== "GET");
    expect(writes).toHaveLength(1);
    expect(writes[0]?.path === "/api/v1/previews" || writes[0]?.query.get("preview") === "true").toBe(true);
  });
});

describe("claw kill", () => {
  it("wants --force, and names the gentle way", async ({ expect }) => {
    const { code, stderr } = await runCli(["kill", "web"]);
    expect(code).toBe(2);
    expect(stderr).toContain("'claw kill web --force', or gently: 'claw stop web'");
  });
});

describe("claw apply, refused for want of a role", () => {
  it("says so as every command does, and exits as one whose token may not", async ({ expect }) => {
    const why = "'ci' may not create, change and destroy instances here";
    const issues = [{ path: "", message: why, fix: "ask an administrator of the tenant" }];
    await using server = await startServer((_, res) => refuse(res, "auth.forbidden", { detail: why, errors: issues }));
    const { code, stderr } = await runCli(["apply", "-f", "-", "--yes"], { url: server.url, stdin: WEB });
    expect(code).toBe(4);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain("mend the manifests");
  });
});

describe("claw auth can-i", () => {
  it.for(resourceKinds.map(({ kind, access }) => [kind, access] as const))(
    "asks for what the kind takes: %s",
    async ([kind, access], { expect }) => {
      await using server = await startServer((_, res) => answer(res, 200, { allowed: false, reason: "no role" }));
      for (const verb of ["get", "create"]) {
        expect((await runCli(["auth", "can-i", verb, kind], { url: server.url })).code).toBe(1);
      }
      expect(server.requests.map(({ query }) => query.get("permission"))).toEqual([access.read, access.write]);
    },
  );
});
