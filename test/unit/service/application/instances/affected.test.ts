import { describe, it } from "vitest";
import { hasNewConfig, KeptQuestions, outcomeOf } from "../../../../../service/application/instances/affected.ts";
import type { Resolution } from "../../../../../service/application/instances/resolve-instance.ts";
import { anInstance } from "../../../../support/builders/instance.ts";
import { aResolvedInstance } from "../../../../support/builders/resolved-instance.ts";

const CONTENT = "a config that may be long";

function aResolution(content = CONTENT): Resolution {
  const { runtime } = aResolvedInstance("web");
  return {
    instance: anInstance({ name: "web" }),
    resolved: aResolvedInstance("web", { runtime: { ...runtime, files: [{ path: "claw.json", content }] } }),
    issues: [],
    configVersion: 1,
    version: "1.0.0",
    models: [],
    skills: [],
    policies: [],
    question: { package: "openclaw", version: "1.0.0", content, env: {}, digest: `of ${content}` },
    unchecked: undefined,
    demands: { accounts: [{ path: "channels.chat", secret: "a bot" }], docker: undefined },
    secretValues: ["hunter2"],
  };
}

describe("what a publish of a fleet's template keeps of each instance", () => {
  it("is digests where it is only written, the same ones as where it is shown", ({ expect }) => {
    const shown = outcomeOf(aResolution(), [], { purpose: { show: { take: () => undefined } }, questions: new KeptQuestions() });
    const written = outcomeOf(aResolution(), [], { purpose: "write", questions: new KeptQuestions() });
    expect([written.digest, written.configDigest, written.isResolved]).toEqual([shown.digest, shown.configDigest, true]);
    expect(shown.resolved?.runtime.files).toEqual([{ path: "claw.json", content: CONTENT }]);
    const { question: _kept, ...rest } = written;
    expect(JSON.stringify(rest)).not.toContain(CONTENT);
    expect(JSON.stringify(rest)).not.toContain("hunter2");
  });

  it("tells a new config by its digest", ({ expect }) => {
    const of = (content: string) => outcomeOf(aResolution(content), [], { purpose: "write", questions: new KeptQuestions() });
    const item = { tenantId: "ten_1", tenant: "acme", name: "web" } as const;
    expect(hasNewConfig({ ...item, before: of("one"), after: of("one") })).toBe(false);
    expect(hasNewConfig({ ...item, before: of("one"), after: of("two") })).toBe(true);
    expect(hasNewConfig({ ...item, before: undefined, after: of("two") })).toBe(true);
  });

  it("has each question once, and no more than are asked", ({ expect }) => {
    const kept = new KeptQuestions();
    const [first, again] = [
      outcomeOf(aResolution(), [], { purpose: "write", questions: kept }),
      outcomeOf(aResolution(), [], { purpose: "write", questions: kept }),
    ];
    expect(first.question).toBeDefined();
    expect(again.question).toBe(first.question);
    const many = Array.from(
      { length: 100 },
      (_, index) => outcomeOf(aResolution(`config ${index}`), [], { purpose: "write", questions: kept }).question,
    );
    expect(many.filter(Boolean).length).toBeLessThan(30);
  });
});
