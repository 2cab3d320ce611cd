import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { startTestService, type TestService } from "../../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
  await service.claw().tenants.create(aTenant("acme"));
});
afterAll(() => service.stop());

interface Asked {
  readonly status: number;
  readonly etag: string | null;
  readonly type: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  readonly body: any;
}

interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** The body as it is. */
  readonly text?: string;
}

async function ask(
  path: string,
  { method = "GET", headers = {}, body, text = body === undefined ? undefined : JSON.stringify(body) }: Request = {},
): Promise<Asked> {
  const response = await fetch(`${service.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${service.adminToken}`,
      "x-claw-tenant": "acme",
      ...(text !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(text !== undefined && { body: text }),
  });
  const answered = await response.text();
  return {
    status: response.status,
    etag: response.headers.get("etag"),
    type: response.headers.get("content-type"),
    body: answered === "" ? undefined : JSON.parse(answered),
  };
}

async function onDatabase(work: (database: Client) => Promise<unknown>): Promise<void> {
  const database = new Client(service.databaseUrl);
  await database.connect();
  await work(database).finally(() => database.end());
}

const aProject = (name: string, displayName?: string) => ({
  apiVersion: "clusterclaw.io/v1",
  kind: "Project",
  metadata: { name },
  spec: displayName === undefined ? {} : { displayName },
});

describe("the version of a resource", () => {
  it("is in the ETag of its reads and writes, and grows with its writes", async ({ expect }) => {
    const created = await ask("/projects", { method: "POST", body: aProject("versioned") });
    expect(created).toMatchObject({ status: 201, etag: '"1"' });
    expect(await ask("/projects/versioned")).toMatchObject({ status: 200, etag: '"1"' });
    expect(await ask("/projects/versioned", { method: "PUT", body: aProject("versioned", "Two") })).toMatchObject({
      status: 200,
      etag: '"2"',
    });
    expect((await ask("/projects")).etag).toBeNull();
  });

  it.for(['"2"', 'W/"2"', "2", '"1", "2"', "*"])("lets a write be made on it: If-Match: %s", async (tag, { expect }) => {
    const name = `matched-${tag.replaceAll(/\D/g, "")}-${tag.length}`;
    await ask("/projects", { method: "POST", body: aProject(name) });
    await ask(`/projects/${name}`, { method: "PUT", body: aProject(name, "Two") });
    const written = await ask(`/projects/${name}`, { method: "PUT", headers: { "if-match": tag }, body: aProject(name, "Three") });
    expect(written).toMatchObject({ status: 200, etag: '"3"' });
  });

  it("keeps a write from being made on another one", async ({ expect }) => {
    await ask("/projects", { method: "POST", body: aProject("moved") });
    await ask("/projects/moved", { method: "PUT", body: aProject("moved", "Two") });
    const stale = { headers: { "if-match": '"1"' }, body: aProject("moved", "Three") };
    expect(await ask("/projects/moved", { ...stale, method: "PUT" })).toMatchObject({
      status: 412,
      body: { code: "resource.version_conflict" },
    });
    expect(await ask("/projects/moved", { method: "DELETE", headers: { "if-match": '"2"' } })).toMatchObject({ status: 204 });
  });

  it("is refused where it can't be meant, and when it can't be read", async ({ expect }) => {
    const refused = { status: 422, body: { code: "request.invalid", errors: [{ path: "If-Match" }] } };
    expect(await ask("/projects", { method: "POST", headers: { "if-match": '"1"' }, body: aProject("never") })).toMatchObject(refused);
    expect(await ask("/projects/default", { method: "DELETE", headers: { "if-match": '"1 2"' } })).toMatchObject(refused);
    expect((await ask("/projects/never")).status).toBe(404);
  });
});

describe("Idempotency-Key", () => {
  it("gets a repetition the first answer: status, version and body", async ({ expect }) => {
    const request = { method: "POST", headers: { "idempotency-key": "once" }, body: aProject("once") };
    const first = await ask("/projects", request);
    expect(first).toMatchObject({ status: 201, etag: '"1"' });
    await ask("/projects/once", { method: "PUT", body: aProject("once", "Changed since") });
    expect(await ask("/projects", request)).toEqual(first);
    const removal = { method: "DELETE", headers: { "idempotency-key": "gone" } };
    const gone = await ask("/projects/once", removal);
    expect(gone.status).toBe(204);
    expect(await ask("/projects/once", removal)).toEqual(gone);
  });

  it("tells a preview from the write, and one body from another", async ({ expect }) => {
    const request = { method: "POST", headers: { "idempotency-key": "both" }, body: aProject("both") };
    expect((await ask("/projects?preview=true", request)).status).toBe(200);
    const mismatch = { status: 409, body: { code: "request.idempotency_mismatch" } };
    expect(await ask("/projects", request)).toMatchObject(mismatch);
    expect(await ask("/projects?preview=true", { ...request, body: aProject("other") })).toMatchObject(mismatch);
    expect((await ask("/projects/both")).status).toBe(404);
  });

  it("is refused when nobody could have meant it", async ({ expect }) => {
    for (const key of ["", " ", "x".repeat(256)]) {
      const answer = await ask("/projects", { method: "POST", headers: { "idempotency-key": key }, body: aProject("keyed") });
      expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: "Idempotency-Key" }] } });
    }
  });
});

describe("a request that is wrong", () => {
  const json = (text: string, headers = {}) => ({ method: "POST", text, headers });
  const nested = `{"apiVersion":"clusterclaw.io/v1","kind":"Project","metadata":{"name":"x"},"status":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  it.for<[string, string, Request, number, string, RegExp]>([
    ["malformed JSON", "/projects", json("{"), 400, "request.malformed", /JSON/],
    ["no body", "/projects", { method: "POST" }, 422, "request.invalid", /required/],
    [
      "another media type",
      "/projects",
      json("name: x", { "content-type": "application/yaml" }),
      415,
      "request.unsupported_media_type",
      /JSON/,
    ],
    ["plain text", "/projects", json("x", { "content-type": "text/plain" }), 415, "request.unsupported_media_type", /JSON/],
    ["too much", "/projects", json(`"${"x".repeat(4 * 1024 * 1024)}"`), 413, "request.too_large", /send less/],
    [
      "more values than anybody means",
      "/previews",
      json(
        JSON.stringify({ manifests: [{ ...aTemplate("x"), spec: { adapter: "EchoAdapter", base: { list: Array(2_000_000).fill(0) } } }] }),
      ),
      422,
      "request.invalid",
      /manifests\[0\]\.spec\.base\.list: .*more than 200000 values; send less/,
    ],
    [
      "a value that is nested too deep",
      "/configs",
      json(JSON.stringify(aTemplate("x")).replace('"base":{}', `"base":{"a":${"[".repeat(34)}${"]".repeat(34)}}`)),
      422,
      "request.invalid",
      /spec\.base\.a: is nested more than 32 levels deep; nest less/,
    ],
    ["a forbidden key", "/projects", json('{"__proto__":{"x":1}}'), 400, "request.malformed", /JSON/],
    ["endless nesting", "/projects", json(nested), 422, "request.invalid", /levels deep/],
    ["a NUL", "/projects", { method: "POST", body: aProject("x", "a\0b") }, 422, "request.invalid", /spec\.displayName: .*not text/],
    ["half a character", "/projects", json(JSON.stringify(aProject("x", "?")).replace("?", "\\ud800")), 422, "request.invalid", /not text/],
    ["a NUL in the path", "/projects/%00", {}, 422, "request.invalid", /not text/],
    ["a NUL in a stream's path", "/instances/%00/logs/stream", {}, 422, "request.invalid", /not text/],
    ["a path that is not encoded", "/projects/%zz", {}, 400, "request.malformed", /percent-encoded/],
    ["an unknown parameter", "/projects?limt=5", {}, 422, "request.invalid", /did you mean 'limit'\?/],
    ["a parameter where none is taken", "/projects/default?verbose=1", {}, 422, "request.invalid", /unknown key 'verbose'/],
    ["a parameter twice", "/projects?limit=5&limit=6", {}, 422, "request.invalid", /limit/],
    ["a bad limit", "/projects?limit=0", {}, 422, "request.invalid", /give at least 1/],
    ["a bad cursor", "/projects?cursor=abc", {}, 422, "request.invalid", /not a cursor/],
    ["a bad selector", "/projects?labelSelector=a%3D%3D%3Db", {}, 422, "request.invalid", /labelSelector: .*use terms such as/],
    ["a bad field", "/instances?fieldSelector=status.phas%3DRunning", {}, 422, "request.invalid", /use one of .*status\.phase/],
    ["a bad sort", "/projects?sort=nam", {}, 422, "request.invalid", /use one of metadata\.name/],
    ["a sort by what every object has", "/projects?sort=constructor", {}, 422, "request.invalid", /can't sort by 'constructor'/],
    [
      "a field that every object has",
      "/projects?fieldSelector=constructor%3Dx",
      {},
      422,
      "request.invalid",
      /can't select by 'constructor'/,
    ],
    [
      "a policy that every object has",
      "/tenants",
      { method: "POST", body: aTenant("x", { policies: [{ name: "constructor", value: "x" }] }) },
      422,
      "request.invalid",
      /unknown policy 'constructor'/,
    ],
    [
      "a policy that is nearly right",
      "/tenants",
      { method: "POST", body: aTenant("x", { policies: [{ name: "max-replica", value: "1" }] }) },
      422,
      "request.invalid",
      /did you mean 'max-replicas'\?/,
    ],
    [
      "a name that is taken",
      "/configs",
      { method: "POST", body: aTemplate("base") },
      409,
      "config.name_taken",
      /metadata\.name: .*choose another/,
    ],
    ["a name that is nearly right", "/configs/bse", {}, 404, "config.not_found", /did you mean 'base'\?/],
    ["no such route", "/project", {}, 404, "route.not_found", /GET \/api\/v1\/project/],
    [
      "another tenant in the manifest than in the header",
      "/projects",
      { method: "POST", body: { ...aProject("x"), metadata: { name: "x", namespace: "default" } } },
      422,
      "request.invalid",
      /metadata\.namespace: .*'default'.*'acme'/,
    ],
  ])("is told so, with where, why and what to do: %s", async ([, path, request, status, code, says], { expect }) => {
    await ask("/configs", { method: "POST", body: aTemplate("base") });
    const { body, ...answer } = await ask(path, request);
    expect(answer).toMatchObject({ status, type: "application/problem+json" });
    expect(body).toMatchObject({ status, code, requestId: expect.stringMatching(/^req_/), type: expect.stringContaining(code) });
    expect(
      [body.detail, ...(body.errors ?? []).map(({ path, message, fix }: Record<string, string>) => `${path}: ${message}; ${fix}`)].join(
        "\n",
      ),
    ).toMatch(says);
    expect((await ask("/projects/x")).status).toBe(404);
  });

  it("is answered at once and read no further when it is refused before its body came", { timeout: 20_000 }, async ({ expect }) => {
    const { hostname, port } = new URL(service.url);
    const socket = connect({ host: hostname, port: Number(port) });
    // The body is never sent: who waits for it waits until the time for requests is over.
    socket.write(
      "POST /api/v1/projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nobody\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{",
    );
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(answer).toMatch(/^connection: close\r$/im);
    socket.destroy();
  });

  it("is not read before its token is", async ({ expect }) => {
    const answer = await ask("/projects", { method: "POST", text: "{", headers: { authorization: "Bearer nobody" } });
    expect(answer).toMatchObject({ status: 401, body: { code: "auth.unauthenticated" } });
  });
});

describe("an instance that is stopped", () => {
  it("says so to whoever wants to use it", async ({ expect }) => {
    const claw = service.claw("acme");
    await claw.instances.create(anEcho("still", { running: false }));
    expect(await ask("/instances/still/console", { method: "POST" })).toMatchObject({
      status: 409,
      body: { code: "instance.not_running" },
    });
    const use = async () => {
      for await (const _ of await claw.instances.connect("still")) {
        // Nothing comes.
      }
    };
    await expect(use()).rejects.toMatchObject({ status: 409, code: "instance.not_running" });
  });
});

describe("a write whose answer can't be given", () => {
  it("is not made", async ({ expect }) => {
    const claw = service.claw();
    const { metadata } = await claw.tenants.create(aTenant("unanswerable"));
    // Nothing that comes in can do this; a fault of ours, or another's hand in the database, can.
    const setLabels = (labels: string) =>
      onDatabase((database) => database.query("update tenants set labels = $2 where id = $1", [metadata.uid, labels]));
    await setLabels('{"a": 1}');
    const put = () =>
      ask("/tenants/unanswerable", {
        method: "PUT",
        headers: { "idempotency-key": "unanswerable" },
        body: aTenant("unanswerable", { displayName: "Changed" }),
      });
    expect(await put()).toMatchObject({ status: 500, body: { code: "service.internal" } });
    await setLabels("{}");
    expect((await ask("/tenants/unanswerable")).body.spec).not.toHaveProperty("displayName");
    // Neither is its key spent.
    expect(await put()).toMatchObject({ status: 200, etag: '"2"', body: { spec: { displayName: "Changed" } } });
  });
});

describe("GET /api/v1/status", () => {
  it("tells platform administrators of the replicas there are, and of what this one depends on", async ({ expect }) => {
    const status = await service.claw().service.status();
    expect(status).toMatchObject({ version: "0.0.0-test", clusters: [], dependencies: [], database: { milliseconds: expect.any(Number) } });
    expect(status.replicas).toEqual([{ name: `${hostname()}/${process.pid}`, version: "0.0.0-test" }]);
    expect(status.eventLoopDelayMs.p99).toBeGreaterThanOrEqual(0);
  });
});

describe("GET /api/v1/openapi.json", () => {
  it("is the committed document", async ({ expect }) => {
    const committed = JSON.parse(await readFile(new URL("../../../docs/reference/openapi.json", import.meta.url), "utf8"));
    expect((await ask("/openapi.json")).body).toEqual(committed);
  });
});
