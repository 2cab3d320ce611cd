import { once } from "node:events";
import { appendFileSync, readFileSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, type ExpectStatic, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { Claw } from "../../../sdk/client/index.ts";
import type { ClawInstance } from "../../../sdk/contract/index.ts";
import { sendSignal } from "../../../service/agent/processes.ts";
import { processesIn } from "../../support/agent/harness.ts";
import { anEcho, aTemplate, aTenant } from "../../support/builders/manifests.ts";
import { freePort } from "../../support/free-port.ts";
import { createEmptyDatabase } from "../../support/postgres.ts";
import { eventually } from "../../support/service.ts";
import { type ServiceProcess, startServiceProcess } from "../../support/service-process.ts";

/** Two of them on one folder find each other's address in what agents have: that is not what these tests are about. */
const SETTINGS = { CLAW_WORKERS: "1", CLAW_REFRESH_SECONDS: "86400" };

let database: Awaited<ReturnType<typeof createEmptyDatabase>>;
let services: ServiceProcess[];
beforeAll(async () => {
  database = await createEmptyDatabase();
  services = [await startServiceProcess({ ...SETTINGS, CLAW_DATABASE_URL: database.url })];
  await services[0]?.claw().tenants.create(aTenant("acme"));
});
afterAll(async () => {
  for (const service of services.reverse()) {
    await service.stop();
  }
  await database.drop();
});

const service = () => services[0] as ServiceProcess;
const claw = () => service().claw("acme");
const isSettled = ({ metadata, status, spec }: ClawInstance) =>
  status.observedGeneration === metadata.generation && status.phase === (spec.running ? "Running" : "Stopped");

/** Waits until everything is as it was declared. */
const allSettled = () =>
  eventually(
    async () => (await claw().instances.list({ limit: 100 })).items,
    (items) => items.every(isSettled),
    90_000,
  );

/** A stopped instance has no agent; one that was stopped before its claw was started has nothing written down. */
const noAgent = JSON.stringify({});
const neverStarted = JSON.stringify({ restarts: 0 });

/** What each run directory's agent has written down; the claw's process is known by its pid and start time. */
async function supervised(): Promise<Map<string, { agent: number | undefined; claw: string | undefined; restarts: number }>> {
  const runDir = join(service().dataDir, "run");
  const read = async (uid: string, file: string, absent?: string) =>
    JSON.parse(await readFile(join(runDir, uid, file), "utf8").catch((error) => absent ?? Promise.reject(error)));
  const entries = (await readdir(runDir)).map(async (uid) => {
    const [agent, state] = await Promise.all([read(uid, "agent.json", noAgent), read(uid, "state.json", neverStarted)]);
    return [uid, { agent: agent.pid, claw: state.claw && `${state.claw.pid}/${state.claw.startTime}`, restarts: state.restarts }] as const;
  });
  return new Map(await Promise.all(entries));
}

/** The agents that have come as far as to write down where they are. */
async function agents(): Promise<number[]> {
  const runDir = join(service().dataDir, "run");
  const texts = (await readdir(runDir)).map((uid) => readFile(join(runDir, uid, "agent.json"), "utf8").catch(() => undefined));
  return (await Promise.all(texts)).flatMap((text) => (text === undefined ? [] : [JSON.parse(text).pid]));
}

/** Every process that has to do with an instance: an agent and a claw for each that runs, none for those that are stopped. */
function instanceProcesses(): number[] {
  return processesIn(join(service().dataDir, "run"));
}

async function expectExactly(items: readonly ClawInstance[], expect: ExpectStatic) {
  const known = await supervised();
  expect([...known.keys()].sort()).toEqual(items.map(({ metadata }) => metadata.uid).sort());
  const running = new Set(items.filter(({ spec }) => spec.running).map(({ metadata }) => metadata.uid));
  expect(new Set([...known].flatMap(([uid, { agent, claw }]) => (agent !== undefined || claw ? [uid] : [])))).toEqual(running);
  const pids = [...known.values()]
    .flatMap(({ agent, claw }) => [agent, claw && Number(claw.split("/")[0])])
    .filter((pid) => pid !== undefined);
  // An agent that was started beside another may still be about to see that.
  await expect.poll(() => instanceProcesses().sort(), { timeout: 30_000 }).toEqual(pids.sort());
  expect([...known.values()].map(({ restarts }) => restarts)).toEqual(items.map(() => 0));
}

const prefix = (value: string) => ({ config: { overrides: [{ key: "reply.prefix", value }] } });

describe("a control plane that is killed at any point", () => {
  it("converges when it is back: nothing lost, nothing twice, no orphan, and what ran goes on", { timeout: 240_000 }, async ({
    expect,
  }) => {
    await claw().instances.create(anEcho("steady"));
    await allSettled();
    const steady = (await claw().instances.get("steady")).metadata.uid;
    const before = (await supervised()).get(steady)?.claw;

    const accepted = new Set<string>(["steady"]);
    for (const [round, waitMs] of [30, 200, 600, 1200, 2000].entries()) {
      const once = claw().withOptions({ maxRetries: 0 });
      const write = (name: string, work: PromiseLike<unknown>) =>
        Promise.resolve(work).then(
          () => accepted.add(name),
          () => undefined,
        );
      const writes = [1, 2, 3].map((n) => write(`r${round}-${n}`, once.instances.create(anEcho(`r${round}-${n}`))));
      if (round > 0) {
        writes.push(
          write(`r${round - 1}-1`, once.instances.replace(`r${round - 1}-1`, anEcho(`r${round - 1}-1`, prefix(`${round}: `)))),
          write(`r${round - 1}-2`, once.instances.stop(`r${round - 1}-2`)),
          write(`r${round - 1}-3`, once.instances.delete(`r${round - 1}-3`)),
        );
      }
      await delay(waitMs);
      service().signal("SIGKILL");
      if (round === 2) {
        // The agents die with it: their claws are adopted, not started again.
        for (const agent of await agents()) {
          sendSignal(agent, "SIGKILL");
        }
      }
      await Promise.all(writes);
      await service().restart();
    }

    const items = await allSettled();
    await expectExactly(items, expect);
    expect((await supervised()).get(steady)?.claw).toBe(before);
    // What was accepted is there, or was deleted since.
    const names = new Set(items.map(({ metadata }) => metadata.name));
    expect([...accepted].filter((name) => !names.has(name)).every((name) => name.endsWith("-3"))).toBe(true);
    // Every write has its event, and none waits to be published.
    for (const { metadata } of items) {
      const events = (await claw().instances.events(metadata.name, {})).items;
      expect(events.map(({ message }) => message).join("\n")).toMatch(/Creating → (Running|Stopped)/);
    }
    await eventually(unpublished, (count) => count === 0);
  });

  it("renews an old token of an agent when it is back: the agent takes it, the former one is no good, and the claw never notices", {
    timeout: 120_000,
  }, async ({ expect }) => {
    const { uid } = (await claw().instances.create(anEcho("renewed"))).metadata;
    await claw().instances.wait("renewed", { until: "Ready" });
    const agentFile = join(service().dataDir, "run", uid, "process.json");
    const tokenNow = () => String(JSON.parse(readFileSync(agentFile, "utf8")).agentToken);
    const [former, before] = [tokenNow(), (await supervised()).get(uid)];
    service().signal("SIGKILL");
    await query("update instances set agent_token_since = now() - interval '31 days' where id = $1", [uid]);
    await service().restart();
    const taken = async () => (await query("select agent_token_taken from instances where id = $1", [uid]))[0];
    await expect.poll(taken, { timeout: 30_000 }).toEqual({ agent_token_taken: 1 });
    expect(tokenNow()).toMatch(/^1\./);
    expect((await supervised()).get(uid)).toEqual(before);
    const dialled = new WebSocket(`${service().url.replace("http", "ws")}/agent/v1?instance=${uid}`, {
      headers: { authorization: `Bearer ${former}` },
    });
    expect((await once(dialled, "close"))[0]).toBe(4401);
    await claw().instances.wait("renewed", { until: "Ready" });
  });

  it("costs whoever follows a log no line, and gives none twice, though the agent is killed too", { timeout: 120_000 }, async ({
    expect,
  }) => {
    const { uid } = (await claw().instances.create(anEcho("followed"))).metadata;
    await claw().instances.wait("followed", { until: "Ready" });
    const log = join(service().dataDir, "run", uid, "logs", "claw.log");
    let written = 0;
    const writing = setInterval(() => appendFileSync(log, `line-${written++}\n`), 20);
    const seen: string[] = [];
    const gaps: string[] = [];
    const abort = new AbortController();
    const follow = async () => {
      for await (const line of claw().instances.followLogs("followed", { signal: abort.signal, onGap: (message) => gaps.push(message) })) {
        seen.push(...(line.startsWith("line-") ? [line] : []));
      }
    };
    const following = follow().catch((error: unknown) => error);
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBeGreaterThan(10);
    service().signal("SIGKILL");
    const before = JSON.parse(readFileSync(join(service().dataDir, "run", uid, "agent.json"), "utf8")).pid;
    sendSignal(before, "SIGKILL");
    await service().restart();
    const there = written + 50;
    await expect.poll(() => seen.length, { timeout: 60_000 }).toBeGreaterThan(there);
    clearInterval(writing);
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBe(written);
    abort.abort();
    await following;
    expect(seen).toEqual(Array.from({ length: written }, (_, index) => `line-${index}`));
    expect(gaps).toEqual([]);
  });

  it("costs an answer that is under way no word, and gives none twice", { timeout: 120_000 }, async ({ expect }) => {
    const slow = { config: { overrides: [{ key: "reply.wordDelayMs", value: 60 }] } };
    await claw().instances.create(anEcho("talker", slow));
    await claw().instances.wait("talker", { until: "Ready" });
    const words = Array.from({ length: 150 }, (_, index) => `w${index}`).join(" ");
    const answer = await answerOf(claw(), words, () => {
      service().signal("SIGKILL");
      void service().restart();
    });
    expect(answer).toEqual({ text: words, last: "done" });
  });

  it("leaves its work to another on the same database: two at once do it once", { timeout: 120_000 }, async ({ expect }) => {
    const port = String(await freePort());
    const settings = { ...SETTINGS, CLAW_DATABASE_URL: database.url, CLAW_DATA_DIR: service().dataDir };
    services.push(await startServiceProcess({ ...settings, CLAW_PORT: port, CLAW_REPLICA_URL: `http://127.0.0.1:${port}` }));
    const [first, second] = services.map((item) => item.claw("acme"));
    // Who starts last has all agents dial it: the first asks there, and goes on with an answer when the other is killed and back.
    await claw().instances.wait("talker", { until: "Ready" });
    const words = Array.from({ length: 40 }, (_, index) => `w${index}`).join(" ");
    let isBack: Promise<void> | undefined;
    const answer = await answerOf(claw(), words, () => {
      services[1]?.signal("SIGKILL");
      isBack = services[1]?.restart();
    });
    expect(answer).toEqual({ text: words, last: "done" });
    await isBack;
    const names = Array.from({ length: 6 }, (_, index) => `twin-${index}`);
    await Promise.all(names.map((name, index) => (index % 2 === 0 ? first : second)?.instances.create(anEcho(name))));
    await allSettled();
    await Promise.all(
      names.map((name, index) =>
        index < 2
          ? second?.instances.delete(name)
          : (index % 2 === 0 ? second : first)?.instances.replace(name, anEcho(name, prefix("both: "))),
      ),
    );
    const items = await eventually(
      async () => (await claw().instances.list({ limit: 100 })).items,
      (list) => list.every(isSettled) && !list.some(({ metadata }) => /twin-[01]/.test(metadata.name)),
      60_000,
    );
    await expectExactly(items, expect);
    // The one that is killed in the middle of its work leaves it to the other.
    await Promise.all(names.slice(2).map((name) => second?.instances.stop(name)));
    services[1]?.signal("SIGKILL");
    await expectExactly(await allSettled(), expect);
  });

  it("rolls out with another on the same database, though agents are the other's and that is killed: each instance is changed once", {
    timeout: 180_000,
  }, async ({ expect }) => {
    const base = (prefix: string) => aTemplate("base", { variables: [{ name: "reply.prefix", type: "string", default: prefix }] });
    await claw().configs.create(base("one: "));
    await claw().configs.publish("base");
    const names = ["roll-1", "roll-2", "roll-3", "roll-4"];
    await Promise.all(
      names.map((name) => claw().instances.create(anEcho(name, { config: { template: "base" } }, { labels: { roll: "on" } }))),
    );
    await allSettled();
    // Who starts last has all agents dial it.
    await services[1]?.restart();
    const before = await Promise.all(names.map((name) => claw().instances.wait(name, { until: "Ready" })));
    const files = before.map(({ metadata }) => join(service().dataDir, "tenants", "acme", metadata.uid, "config", "config.json"));
    const written = files.map((file) => new Set([statSync(file).ino]));
    const watching = setInterval(() => {
      for (const [index, file] of files.entries()) {
        written[index]?.add(statSync(file).ino);
      }
    }, 10);
    onTestFinished(() => clearInterval(watching));
    await claw().configs.replace("base", base("two: "));
    await claw().configs.publish("base", { hold: true });
    const plan = await claw().rollouts.create(
      {
        apiVersion: "clusterclaw.io/v1",
        kind: "Rollout",
        metadata: { name: "two" },
        spec: {
          change: { config: { template: "base", version: 2 } },
          selector: "roll=on",
          strategy: { percentages: [50, 100] },
          bakeSeconds: 1,
          gates: { probe: { message: "hello", expect: "two: " } },
        },
      },
      { preview: true },
    );
    await plan.apply();
    const rollout = () => claw().rollouts.get("two");
    await eventually(rollout, ({ status }) => status.waves[1]?.phase === "Updating", 60_000);
    services[1]?.signal("SIGKILL");
    const { status } = await eventually(rollout, ({ status: { phase } }) => phase !== "Progressing", 90_000);
    expect(status).toMatchObject({ phase: "Completed", counts: { total: 4, updated: 4 } });
    const after = await allSettled();
    // It was held to the version, which became everybody's, and was let go.
    const generations = before.map(({ metadata }) => metadata.generation + 3);
    expect(names.map((name) => after.find(({ metadata }) => metadata.name === name)?.metadata.generation)).toEqual(generations);
    expect(files.map((file) => JSON.parse(readFileSync(file, "utf8")).reply.prefix)).toEqual(names.map(() => "two: "));
    expect(written.map(({ size }) => size)).toEqual(names.map(() => 2));
    await expectExactly(after, expect);
  });
});

/** What the slow claw says. @param onWord20 called once so much of it has come */
async function answerOf(client: Claw, words: string, onWord20: () => void): Promise<{ text: string; last: string | undefined }> {
  const chat = await client.instances.chat("talker");
  let text = "";
  let last: string | undefined;
  let isTold = false;
  for await (const event of chat.send(words)) {
    text += event.type === "delta" ? event.text : "";
    last = event.type;
    if (!isTold && text.includes("w20 ")) {
      isTold = true;
      onWord20();
    }
  }
  chat.close();
  return { text, last };
}

async function query<R extends object>(sql: string, values: unknown[] = []): Promise<R[]> {
  const client = new Client(database.url);
  await client.connect();
  try {
    return (await client.query<R>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

async function unpublished(): Promise<number> {
  const [row] = await query<{ count: string }>("select count(*) from outbox");
  return Number(row?.count);
}
