import type { EntityManager } from "typeorm";
import { afterAll, beforeAll, describe, it } from "vitest";
import { readPage } from "../../../adapters/postgres/list-page.ts";
import { InstanceSpecSchema, type ListQuery, newId } from "../../../sdk/contract/index.ts";
import type { Page } from "../../../service/application/ports/resources/page.ts";
import type { TenantTransaction } from "../../../service/application/ports/transactions.ts";
import { anInstance } from "../../support/builders/instance.ts";
import { aConfigTemplate, storeTenant } from "../../support/builders/tenancy.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

interface Seed {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly type?: string;
  readonly phase?: "Running" | "Stopped";
  readonly createdAt?: string;
  readonly annotations?: Record<string, string>;
}
async function aStore(seeds: readonly Seed[]) {
  const { tenant, project, run } = await storeTenant(database.transactions);
  const insert = (
    { name, labels = {}, type = "Echo", phase = "Running", createdAt = "2026-01-01T00:00:00.000Z", annotations = {} }: Seed,
    tx: TenantTransaction,
  ) =>
    tx.instances.insert(
      anInstance({
        id: newId("ins"),
        tenantId: tenant.id,
        projectId: project.id,
        name,
        labels,
        annotations,
        createdAt,
        spec: InstanceSpecSchema.parse({ type }),
        status: { phase },
      }),
    );
  await run(async (tx) => {
    for (const seed of seeds) {
      await insert(seed, tx);
    }
  });
  const page = (query: Partial<ListQuery>) => run((tx) => tx.instances.list({ limit: 50, ...query }));
  const names = async (query: Partial<ListQuery>) => (await page(query)).items.map(({ name }) => name);
  const allPages = async (query: Partial<ListQuery>, between: (pageNumber: number) => Promise<void> = async () => undefined) => {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let number = 1; ; number++) {
      const { items, nextCursor } = await page({ ...query, ...(cursor !== undefined && { cursor }) });
      seen.push(...items.map(({ name }) => name));
      if (nextCursor === undefined) {
        return seen;
      }
      cursor = nextCursor;
      await between(number);
    }
  };
  return { run, page, names, allPages, insert: (seed: Seed) => run((tx) => insert(seed, tx)) };
}

describe("label selectors", () => {
  const seeds: Seed[] = [
    { name: "a", labels: { team: "red", env: "prod" } },
    { name: "b", labels: { team: "red", gpu: "" } },
    { name: "c", labels: { team: "blue", env: "dev" } },
    { name: "d" },
  ];
  const cases: [selector: string, expected: string[]][] = [
    ["team=red", ["a", "b"]],
    ["team==red,env=prod", ["a"]],
    ["env!=prod", ["b", "c", "d"]],
    ["team in (red, blue),env", ["a", "c"]],
    ["env notin (prod,dev)", ["b", "d"]],
    ["gpu", ["b"]],
    ["!team", ["d"]],
    ["gpu=", ["b"]],
  ];
  for (const [selector, expected] of cases) {
    it(`${selector} selects ${expected.join(", ")}`, async ({ expect }) => {
      const { names } = await aStore(seeds);
      expect(await names({ labelSelector: selector })).toEqual(expected);
    });
  }
});

describe("field selectors", () => {
  const seeds: Seed[] = [
    { name: "a", type: "OpenClaw", phase: "Running" },
    { name: "b", type: "OpenClaw", phase: "Stopped" },
    { name: "c", type: "Echo" },
  ];
  const cases: [selector: string, expected: string[]][] = [
    ["status.phase=Stopped", ["b"]],
    ["spec.type=openclaw,status.phase=Running", ["a"]],
    ["spec.type!=OpenClaw", ["c"]],
    ["metadata.name=c", ["c"]],
    ["metadata.project=default,spec.running=true", ["a", "b", "c"]],
    ["spec.config.template!=base", ["a", "b", "c"]],
  ];
  for (const [selector, expected] of cases) {
    it(`${selector} selects ${expected.join(", ")}`, async ({ expect }) => {
      const { names } = await aStore(seeds);
      expect(await names({ fieldSelector: selector })).toEqual(expected);
    });
  }

  it("name the allowed fields and values when they can't be", async ({ expect }) => {
    const { page } = await aStore([]);
    await expect(page({ fieldSelector: "spec.secret=1" })).rejects.toMatchObject({
      code: "request.invalid",
      issues: [{ path: "fieldSelector", fix: expect.stringContaining("metadata.name, metadata.uid, metadata.project, spec.type") }],
    });
    await expect(page({ fieldSelector: "status.phase=Runing" })).rejects.toMatchObject({
      issues: [{ fix: "use one of Creating, Running, Stopped, Failed, Destroyed" }],
    });
  });
});

describe("sorting", () => {
  const seeds: Seed[] = [
    { name: "b", createdAt: "2026-01-01T00:00:00.001Z", phase: "Stopped" },
    { name: "a-1", createdAt: "2026-01-03T00:00:00.000Z" },
    { name: "a1", createdAt: "2026-01-02T00:00:00.000Z" },
  ];
  const cases: [sort: string | undefined, expected: string[]][] = [
    [undefined, ["a-1", "a1", "b"]],
    ["-metadata.name", ["b", "a1", "a-1"]],
    ["metadata.createdAt", ["b", "a1", "a-1"]],
    ["-metadata.createdAt", ["a-1", "a1", "b"]],
  ];
  for (const [sort, expected] of cases) {
    it(`${sort ?? "by nothing named"} gives ${expected.join(", ")}, page by page too`, async ({ expect }) => {
      const { names, allPages } = await aStore(seeds);
      const query = sort === undefined ? {} : { sort };
      expect(await names(query)).toEqual(expected);
      expect(await allPages({ ...query, limit: 1 })).toEqual(expected);
    });
  }

  it("names the allowed fields when it can't be", async ({ expect }) => {
    const { page } = await aStore([]);
    await expect(page({ sort: "spec.config" })).rejects.toMatchObject({
      code: "request.invalid",
      message: expect.stringContaining("use one of metadata.name, metadata.createdAt"),
    });
  });
});

describe("cursors", () => {
  const many = (count: number): Seed[] => Array.from({ length: count }, (_, index) => ({ name: `claw-${String(index).padStart(4, "0")}` }));

  it("neither repeat nor skip what was there from the start, whatever comes and goes meanwhile", async ({ expect }) => {
    for (const sort of ["metadata.name", "-metadata.createdAt", "status.phase"]) {
      const { allPages, insert, run } = await aStore(many(25));
      const seen = await allPages({ limit: 7, sort }, async (number) => {
        await insert({ name: `aaa-${number}` });
        await insert({ name: `zzz-${number}`, createdAt: "2026-02-01T00:00:00.000Z" });
        await run(async (tx) => tx.instances.delete((await tx.instances.get(`claw-000${number}`)).id, 1));
      });
      const original = seen.filter((name) => name.startsWith("claw-"));
      expect(new Set(seen).size).toBe(seen.length);
      // Rows that were deleted before their page came may be missing, no others.
      const kept = many(25)
        .map(({ name }) => name)
        .filter((name) => !["claw-0001", "claw-0002", "claw-0003"].includes(name));
      expect(kept.filter((name) => !original.includes(name))).toEqual([]);
    }
  });

  it("keep the filter's pages whole", async ({ expect }) => {
    const { allPages } = await aStore(many(10).map((seed, index) => ({ ...seed, labels: { odd: String(index % 2) } })));
    expect(await allPages({ limit: 2, labelSelector: "odd=1" })).toEqual(["claw-0001", "claw-0003", "claw-0005", "claw-0007", "claw-0009"]);
  });

  it("are refused when they are not of this list", async ({ expect }) => {
    const { page } = await aStore(many(3));
    const { nextCursor = "" } = await page({ limit: 1, sort: "metadata.createdAt" });
    await expect(page({ cursor: nextCursor })).rejects.toMatchObject({ issues: [{ path: "cursor" }] });
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    for (const cursor of ["x", "", forged({}), forged(["metadata.name", "\0", "x"]), forged(["metadata.name", 1, 2])]) {
      await expect(page({ cursor })).rejects.toMatchObject({ code: "request.invalid" });
    }
    // JavaScript takes the later ones for times, PostgreSQL does not.
    for (const time of [
      "then",
      "2026",
      "2026-01-01",
      "0000-01-01T00:00:00.000Z",
      "+275760-09-13T00:00:00.000Z",
      "Thu, 01 Jan 1970 00:00:00 GMT+99",
    ]) {
      const cursor = forged(["metadata.createdAt", time, "x"]);
      await expect(page({ cursor, sort: "metadata.createdAt" })).rejects.toMatchObject({ code: "request.invalid" });
    }
  });
});

describe("a page of large rows", () => {
  const KIBIBYTE = 1024;
  const large = "x".repeat(250 * KIBIBYTE);

  it("ends when its bytes are used up, and the next goes on", async ({ expect }) => {
    const names = Array.from({ length: 10 }, (_, index) => `claw-${index}`);
    const { page, allPages } = await aStore(names.map((name) => ({ name, annotations: { note: large } })));
    for (const sort of ["metadata.name", "-metadata.name", "metadata.createdAt", "status.phase"]) {
      const first = await page({ limit: 50, sort });
      expect(first.items.map(({ annotations }) => annotations["note"]?.length)).toEqual(Array(4).fill(large.length));
      expect(first.nextCursor).toBeTypeOf("string");
      expect((await allPages({ limit: 50, sort })).toSorted()).toEqual(names);
    }
    expect((await page({ limit: 2 })).items).toHaveLength(2);
  });

  it("is all that the database sends, but for the row that does not fit any more", async ({ expect }) => {
    const sent: number[] = [];
    const query = async (sql: string, parameters: unknown[]) => {
      const { rows } = await database.pool.query(sql, parameters);
      sent.push(rows.length);
      return rows;
    };
    const rows = `select n::text as id, repeat('x', 250 * 1024) as text from generate_series(1, 100) n`;
    const { items } = await readPage<{ id: string }, string>({ query } as EntityManager, {
      rowsAfter: (after) => ({ sql: `select * from (${rows}) r where $1::text is null or id > $1`, parameters: [after ?? null] }),
      ...{ cursor: undefined, order: "id", limit: 50, toDomain: ({ id }) => id, cursorOf: ({ id }) => id },
    });
    expect([items.length, sent]).toEqual([4, [5]]);
  });

  it("has one, however large it is", async ({ expect }) => {
    const { allPages } = await aStore(["a", "b", "c"].map((name) => ({ name, annotations: { note: large.repeat(5) } })));
    expect(await allPages({ limit: 50 })).toEqual(["a", "b", "c"]);
  });

  it("is the last one when nothing is left", async ({ expect }) => {
    const { page } = await aStore(["a", "b"].map((name) => ({ name, annotations: { note: large } })));
    expect(await page({ limit: 2 })).not.toHaveProperty("nextCursor");
    expect((await page({ limit: 2, labelSelector: "none=such" })).items).toEqual([]);
  });

  it("is so of events and of published versions too", async ({ expect }) => {
    const { tenant, project, run } = await storeTenant(database.transactions);
    const instance = anInstance({ id: newId("ins"), tenantId: tenant.id, projectId: project.id, name: "told" });
    const template = aConfigTemplate({ tenantId: tenant.id });
    const numbers = Array.from({ length: 10 }, (_, index) => index + 1);
    await run(async (tx) => {
      await tx.instances.insert(instance);
      await tx.templates.insert(template);
      for (const number of numbers) {
        const time = "2026-01-01T00:00:00.000Z";
        await tx.events.append(instance.id, { id: newId("evt"), time, type: "Normal", reason: `No${number}`, message: large });
        const spec = { ...template.spec, description: large };
        const version = { templateId: template.id, version: number, spec, digest: "d", author: "a", message: "", createdAt: time };
        await tx.templates.insertVersion(version);
      }
    });
    const newestFirst = numbers.toReversed();
    const events = await pagesOf((cursor) => run((tx) => tx.events.list(instance.id, 50, cursor)));
    expect(events.map((page) => page.map(({ reason }) => reason))).toEqual(byFours(newestFirst.map((number) => `No${number}`)));
    const versions = await pagesOf((cursor) => run((tx) => tx.templates.listVersions(template.id, 50, cursor)));
    expect(versions.map((page) => page.map(({ version }) => version))).toEqual(byFours(newestFirst));
    for (const cursor of ["x", "", "9".repeat(99)].map((text) => Buffer.from(text).toString("base64url"))) {
      await expect(run((tx) => tx.events.list(instance.id, 50, cursor))).rejects.toMatchObject({ code: "request.invalid" });
      await expect(run((tx) => tx.templates.listVersions(template.id, 50, cursor))).rejects.toMatchObject({ code: "request.invalid" });
    }
  });
});

async function pagesOf<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<(readonly T[])[]> {
  const pages = [];
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await read(cursor);
    pages.push(items);
    cursor = nextCursor;
  } while (cursor !== undefined);
  return pages;
}

function byFours<T>(items: readonly T[]): T[][] {
  return items.length === 0 ? [] : [items.slice(0, 4), ...byFours(items.slice(4))];
}
