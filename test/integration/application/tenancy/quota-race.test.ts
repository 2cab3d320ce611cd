import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, it } from "vitest";
import type { Creations } from "../../../support/application/creator.ts";
import { anApplication } from "../../../support/application.ts";
import { aTenant } from "../../../support/builders/manifests.ts";
import { collect } from "../../../support/collect.ts";

const app = await anApplication();
const creator = join(import.meta.dirname, "../../../support/application/creator.ts");
/** Processes of their own, on the same database. */
const creators = await Promise.all(
  [67, 67, 66].map(async (count) => {
    const args = ["--disable-warning=ExperimentalWarning", creator, app.database.url];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    const [lines, ended] = [createInterface({ input: child.stdout })[Symbol.asyncIterator](), once(child, "exit")];
    await lines.next();
    return {
      async create(asked: Omit<Creations, "count">): Promise<Record<string, number>> {
        child.stdin.write(`${JSON.stringify({ ...asked, count })}\n`);
        return JSON.parse((await lines.next()).value ?? "{}") as Record<string, number>;
      },
      async end() {
        child.stdin.end();
        await ended;
      },
    };
  }),
);
afterAll(() => Promise.all(creators.map(({ end }) => end())));

describe("200 creations at once, of three processes", { timeout: 60_000 }, () => {
  it.for(["tenant", "project"] as const)(
    "come to exactly ten at a %s's quota of ten, and the others to its refusal",
    async (of, { expect }) => {
      const tenant = `full-${of}`;
      const quota = { quota: { instances: 10 } };
      await app.admin().tenants.create(aTenant(tenant, of === "tenant" ? quota : {}));
      const claw = app.as({ tenant });
      const project = { apiVersion: "clusterclaw.io/v1", kind: "Project", metadata: { name: "web" } } as const;
      await claw.projects.create({ ...project, spec: of === "project" ? quota : {} });
      const answers = await Promise.all(
        creators.map(({ create }, index) => create({ tenant, prefix: `of-${index}`, metadata: { project: "web" } })),
      );
      const total: Record<string, number> = {};
      for (const [code, count] of answers.flatMap((codes) => Object.entries(codes))) {
        total[code] = (total[code] ?? 0) + count;
      }
      expect(total).toEqual({ created: 10, "tenant.quota_exceeded": 190 });
      expect(await collect(claw.instances.list())).toHaveLength(10);
    },
  );
});
