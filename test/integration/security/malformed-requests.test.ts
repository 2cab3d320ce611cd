import { open, readdir, readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, it } from "vitest";
import { errorCatalogue } from "../../../sdk/contract/index.ts";
import { aToken } from "../../support/access.ts";
import { aClusterManifest, aKubeconfig } from "../../support/builders/cluster.ts";
import { anEcho, aTemplate } from "../../support/builders/manifests.ts";
import { type Malformed, malformedRequests, type Operation, SENT_SECRET } from "../../support/malformed-requests.ts";
import { populateTenant } from "../../support/populated-tenant.ts";
import { createMigratedDatabase, type ServedDatabase } from "../../support/postgres.ts";
import { sampleRequests } from "../../support/sample-requests.ts";
import { eventually } from "../../support/service.ts";
import { type ServiceProcess, startServiceProcess } from "../../support/service-process.ts";

const REQUESTS = 10_000;
const AT_A_TIME = 24;
const ANSWER_MS_MAX = 15_000;
const SILENCE_MS = 50;
/** Anybody's wait while all of it comes. */
const HEALTH_MS_MAX = 5_000;
const SEED = Number(process.env["CLAW_TEST_SEED"] ?? (process.env["CI"] ? 2026_11_30 : Date.now() % 1_000_000));
const MASTER_KEY = Buffer.from("seeded-master-key-7f1e-hunter2!!").toString("base64");
/** In every secret that is stored and in nothing else. */
const MARK = "seeded-7f1e-hunter2";

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name?: string; readonly in?: string }[];
  readonly requestBody?: object;
}

let database: ServedDatabase;
let service: ServiceProcess;
let logFile: string;
let closeLog: () => Promise<void>;
let secrets: readonly string[];
let requests: Generator<Malformed>;
const told: string[] = [];

beforeAll(async () => {
  database = await createMigratedDatabase();
  logFile = join(tmpdir(), `claw-malformed-${process.pid}.log`);
  const log = await open(logFile, "w+");
  closeLog = () => log.close();
  service = await startServiceProcess(
    { CLAW_DATABASE_URL: database.url, CLAW_MASTER_KEY: MASTER_KEY, CLAW_LOG_LEVEL: "trace", CLAW_RATE_LIMITS: "off", CLAW_WORKERS: "1" },
    { stdio: ["ignore", log.fd, log.fd] },
  );
  const populated = await populateTenant(service, "acme");
  const claw = service.claw("acme");
  // One of each place where a secret is kept.
  const prefix = { name: "reply.prefix", type: "string", secret: true, default: `${MARK}-default` };
  await claw.configs.create(aTemplate("keyed", { variables: [prefix] }));
  await claw.configs.publish("keyed");
  await claw.configs.create(aTemplate("drafted", { variables: [{ ...prefix, default: `${MARK}-draft` }] }));
  const overrides = [{ key: "reply.prefix", value: `${MARK}-override` }];
  await claw.instances.create(anEcho("secretive", { config: { template: "keyed", overrides } }));
  const kubeconfig = aKubeconfig("https://127.0.0.1:1", `${MARK}-kubeconfig`);
  await service.claw().clusters.create(aClusterManifest("far", { credentials: { source: "kubeconfig", kubeconfig } }));
  await eventually(
    () => claw.instances.get("secretive"),
    ({ status }) => status.phase === "Running",
  );
  // What is well formed by chance starts nothing more.
  await service.claw().tenants.setQuota("acme", { instances: 2 });
  const { planId: plan = "" } = await claw.previews.create({ manifests: [anEcho("keeper", {}, { labels: { planned: "yes" } })] });
  const tenantAdmin = await aToken(claw, { name: "mighty" });
  const viewer = await aToken(claw, { name: "weak", role: "viewer" });
  secrets = [MARK, SENT_SECRET, MASTER_KEY, service.token, tenantAdmin, viewer];
  const samples = sampleRequests({ ...populated, plan });
  const document = JSON.parse(await readFile("docs/reference/openapi.json", "utf8")) as {
    paths: Record<string, Record<string, Described>>;
  };
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId: id, parameters = [], requestBody }]): Operation => {
      const { id: name = populated.instance, body } = samples[id as keyof typeof samples] ?? {};
      const queries = parameters.flatMap((one) => (one.in === "query" && one.name !== undefined ? [one.name] : []));
      return {
        ...{ id, method: method.toUpperCase(), path: path.replace("/api/v1", ""), name },
        // It tells secrets to whoever may see them, and is asked for by name.
        queries: queries.filter((query) => query !== "showSecrets"),
        ...(requestBody && { body: body ?? {} }),
        isHarmful: method === "delete" || id.startsWith("stacks.") || (method === "post" && path.includes("{")),
      };
    }),
  );
  const callers = { tenant: "acme", mighty: [service.token, tenantAdmin], weak: [viewer, "nobody", `${viewer}x`] };
  requests = malformedRequests(SEED, REQUESTS, operations, callers);
});
afterAll(async () => {
  await service.stop();
  await closeLog();
  await database.drop();
});

/** Everything that comes back until the service ends the connection; empty where it says nothing. */
function answerTo({ bytes, isWhole }: Malformed): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port, hostname } = new URL(service.url);
    const chunks: Buffer[] = [];
    const socket = connect({ port: Number(port), host: hostname });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end after ${ANSWER_MS_MAX} ms`));
    }, ANSWER_MS_MAX);
    socket.on("data", (chunk: Buffer) => {
      // A stream of events has no end of its own.
      if (chunks.push(chunk) === 1 && /^content-type: text\/event-stream/im.test(chunk.toString("latin1"))) {
        socket.destroy();
      }
    });
    // A service that refuses what is on its way resets the connection.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    socket.write(bytes);
    // Whoever sent half of something leaves when nothing comes back.
    if (!isWhole) {
      socket.setTimeout(SILENCE_MS, () => socket.end());
    }
  });
}

/** What of an answer is wrong. */
function faultOf(answer: string): string | undefined {
  if (answer === "") {
    return undefined;
  }
  const [head = "", body = ""] = answer.split(/\r\n\r\n(.*)/s);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
  if (!(status >= 100)) {
    return "no HTTP answer";
  }
  if (status < 400) {
    return undefined;
  }
  const code = /"code":"([a-z_.]+)"/.exec(body)?.[1] ?? "";
  // An answer to HEAD has none, nor has Node's own where no host is named.
  const isBare = body === "" || body.startsWith("0\r\n");
  if (!isBare && !(code in errorCatalogue && /content-type: application\/problem\+json/i.test(head) && /x-request-id: /i.test(head))) {
    return "no problem document";
  }
  // Load that is shed says so, and so does what is away.
  if (status >= 500 && !(status === 503 && /retry-after: /i.test(head))) {
    return "a failure of ours";
  }
  return /node_modules|\.ts:\d+|node:internal| at \w+ \(|select .* from /i.test(body) ? "what is inside" : undefined;
}

/** The longest wait for the service's word that it is well, until it is told to end. */
async function watchHealth(isOver: () => boolean): Promise<number> {
  let longest = 0;
  while (!isOver()) {
    const began = performance.now();
    const { status } = await fetch(`${service.url}/healthz`);
    longest = Math.max(longest, status === 200 ? performance.now() - began : Number.POSITIVE_INFINITY);
    await delay(200);
  }
  return longest;
}

/** All that the database holds, as text. */
async function rows(): Promise<string[]> {
  const client = new Client(database.url);
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      "select format('%I', relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    );
    const texts = [];
    for (const { name } of tables.rows) {
      const found = await client.query<{ text: string }>(`select '${name} ' || to_jsonb(t)::text as text from ${name} t`);
      texts.push(...found.rows.map(({ text }) => text));
    }
    return texts;
  } finally {
    await client.end();
  }
}

/** Arguments of every process of this machine, which all may read, and the environment of those that run as somebody else than the service. */
async function processes(): Promise<string[]> {
  const own = (await stat(`/proc/${service.pid}`)).uid;
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    ids.map(async (id) => {
      const [owner, args, environment] = await Promise.all([
        stat(`/proc/${id}/environ`).catch(() => undefined),
        readFile(`/proc/${id}/cmdline`, "utf8").catch(() => ""),
        readFile(`/proc/${id}/environ`, "utf8").catch(() => ""),
      ]);
      const isOpen = owner !== undefined && ((owner.mode & 0o077) !== 0 || owner.uid !== own);
      // A claw runs as its tenant's user, and has its own secrets there.
      const variables = environment.split("\0").filter((variable) => !variable.startsWith("CLAW_SECRET_"));
      return `process ${args.replaceAll("\0", " ")} ${isOpen ? variables.join(" ") : ""}`;
    }),
  );
  return texts;
}

const excerpt = (text: string, secret: string) => {
  const at = text.indexOf(secret);
  return `${text.slice(0, 80)} … ${text.slice(Math.max(0, at - 80), at + secret.length)}`;
};

describe(`${REQUESTS} malformed requests, by the seed ${SEED} (CLAW_TEST_SEED)`, () => {
  it("are answered in time with less than a 5xx, and the service is as well as before", async ({ expect }) => {
    const faults: string[] = [];
    const statuses = new Map<string, number>();
    let isOver = false;
    const health = watchHealth(() => isOver);
    const send = async () => {
      for (const request of requests) {
        const { how, bytes } = request;
        const answer = await answerTo(request).catch((error: unknown) => String(error));
        told.push(`answer to ${how}: ${answer}`);
        const status = answer.slice(9, 12);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        const fault = faultOf(answer);
        if (fault !== undefined) {
          faults.push(`${fault}: ${how}: ${bytes.toString("latin1").slice(0, 1_500)}\n  is answered ${answer.slice(0, 800)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, send));
    isOver = true;
    expect(faults.length === 0 ? "" : `${faults.length} faults, first ${faults.slice(0, 5).join("\n")}`).toBe("");
    expect(await health).toBeLessThan(HEALTH_MS_MAX);
    expect(told).toHaveLength(REQUESTS);
    // They came as far as they should: most are refused, for reasons of each kind.
    for (const status of ["200", "400", "401", "403", "404", "405", "413", "415", "422"]) {
      expect([status, (statuses.get(status) ?? 0) > 0]).toEqual([status, status !== "405"]);
    }
    const keeper = await service.claw("acme").instances.get("keeper");
    expect(keeper.status.phase).toBe("Running");
    expect(await service.claw().tenants.get("acme")).toMatchObject({ metadata: { name: "acme" } });
  }, 120_000);

  it("bring no secret out: in no answer, log, event, row, argument or environment that others may read", async ({ expect }) => {
    const log = (await readFile(logFile, "utf8")).split("\n").map((line) => `log ${line}`);
    expect(log.length).toBeGreaterThan(1);
    const leaks = [...told, ...log, ...(await rows()), ...(await processes())].flatMap((text) =>
      secrets.filter((secret) => text.includes(secret)).map((secret) => excerpt(text, secret)),
    );
    expect([leaks.length, ...leaks.slice(0, 5)]).toEqual([0]);
  });
});
