import { describe, it } from "vitest";
import { parseDuration, parsePair, parseValue } from "../../../sdk/cli/options.ts";
import { formatDuration } from "../../../sdk/cli/output/age.ts";
import { painter } from "../../../sdk/cli/output/colors.ts";
import { hasChanges, renderPreview } from "../../../sdk/cli/output/preview.ts";
import { Table } from "../../../sdk/cli/output/table.ts";
import { renderTree } from "../../../sdk/cli/output/tree.ts";
import { aPreview, aPreviewItem } from "../../support/builders/resources.ts";

const plain = (_style: unknown, text: string) => text;

describe("Table", () => {
  it("aligns columns, shows no more of a terminal's commands than their text, and hides wide ones", ({ expect }) => {
    const columns = [
      { header: "NAME", value: (row: string[]) => row[0] ?? "" },
      { header: "B", value: (row: string[]) => row[1] ?? "" },
      { header: "UID", value: () => "uid", wide: true },
    ];
    const rows = [
      ["\x1b]0;red\x07", "1"],
      ["long\nname", "2"],
    ];
    const table = new Table(columns);
    expect([table.header(rows), ...table.rows(rows)]).toEqual(["NAME       B", " ]0;red    1", "long name  2"]);
    expect(new Table(columns, true).header(rows)).toBe("NAME       B  UID");
  });
});

describe("painter", () => {
  it.for([
    { name: "a terminal has colour", isTTY: true, env: {}, colour: true },
    { name: "NO_COLOR takes it", isTTY: true, env: { NO_COLOR: "1" }, colour: false },
    { name: "a pipe has none", isTTY: false, env: {}, colour: false },
    { name: "FORCE_COLOR gives it to a pipe", isTTY: false, env: { FORCE_COLOR: "1" }, colour: true },
  ])("$name", ({ isTTY, env, colour }, { expect }) => {
    const paint = painter({ isTTY } as NodeJS.WriteStream, env);
    expect(paint("red", "x")).toBe(colour ? "\x1b[31mx\x1b[39m" : "x");
  });
});

describe("values of options", () => {
  it("read durations, pairs and JSON", ({ expect }) => {
    expect(["90s", "5m", "1h", "7", "250ms"].map(parseDuration)).toEqual([90_000, 300_000, 3_600_000, 7_000, 250]);
    expect(() => parseDuration("soon")).toThrow();
    expect(parsePair("b=c=d", { a: "1" })).toEqual({ a: "1", b: "c=d" });
    expect(() => parsePair("=x")).toThrow();
    expect(["1", "true", "claude", '{"a":1}'].map(parseValue)).toEqual([1, true, "claude", { a: 1 }]);
  });

  it("show durations in two units", ({ expect }) => {
    expect([0, 999, 5_000, 192_000, 3_600_000, 187_200_000].map(formatDuration)).toEqual(["0s", "0s", "5s", "3m12s", "1h", "2d4h"]);
  });
});

describe("renderPreview", () => {
  it("shows properties, file lines, stack resources, effects, verdicts, the sum and the command that applies it", ({ expect }) => {
    const preview = aPreview({
      items: [
        aPreviewItem({
          op: "update",
          effect: "hot-reload",
          diffs: [
            { path: "spec.config.overrides[model.name].value", kind: "update", before: '"a"', after: '"b"' },
            { path: "spec.version", kind: "delete", before: '"1"' },
            { path: "spec.storage.size", kind: "add", after: '"9Gi"', replaces: true },
          ],
          files: [
            { path: "echo.json", diff: "--- a/echo.json\n+++ b/echo.json\n@@ -1,3 +1,3 @@\n {\n---x\n+  y\n }\n" },
            { path: "same.json", diff: "" },
          ],
          resources: [
            {
              urn: "urn:1",
              type: "clusterclaw:process:Process",
              name: "web",
              op: "update",
              diffs: [
                { path: "env.A", kind: "update", before: "[secret]", after: "[secret]" },
                { path: 'files["echo.json"]', kind: "update", before: '"{}"', after: '"{ }"' },
              ],
            },
            { urn: "urn:2", type: "clusterclaw:process:Dir", name: "web-data", op: "same", diffs: [] },
          ],
        }),
        aPreviewItem({ kind: "Tenant", name: "acme", op: "same", effect: "none" }),
        aPreviewItem({
          name: "bad",
          problems: [
            { path: "spec.config", message: "model.name is required", fix: "--set model.name=…", blocking: true },
            { path: "spec.config", message: "the secret model.apiKey is not set", blocking: false },
            { path: "spec.version", message: "goes back from 2 to 1", fix: "stay", blocking: false, warning: true },
          ],
        }),
      ],
      boundaries: [
        {
          tenant: "acme",
          cluster: "eu-1",
          resources: [
            {
              urn: "urn:3",
              type: "kubernetes:core/v1:ResourceQuota",
              name: "acme-quota",
              op: "update",
              diffs: [{ path: "spec.hard.pods", kind: "update", before: '"1"', after: '"2"' }],
            },
            { urn: "urn:4", type: "kubernetes:core/v1:Namespace", name: "acme-namespace", op: "same", diffs: [] },
          ],
        },
        { tenant: "acme", cluster: "us-1", resources: [] },
      ],
      verdicts: [
        { kind: "quota", name: "instances", allowed: true, message: "2 of 10" },
        { kind: "policy", name: "max-replicas", allowed: false, message: "5 is more than 3" },
      ],
      summary: {
        ...{ create: 0, update: 2, replace: 0, delete: 0, same: 2 },
        items: { create: 1, update: 1, delete: 0, same: 1 },
        ...{ boundaries: 2, verdicts: 2, problems: 2, unchecked: 0 },
      },
    });
    expect(renderPreview(preview, plain, Date.parse("2026-01-01T00:10:00.000Z"))).toMatchInlineSnapshot(`
      "~ instance/web in acme  reloads its config, keeps running
          ~ spec.config.overrides[model.name].value: "a" → "b"
          - spec.version: "1"
          + spec.storage.size: "9Gi" (forces replacement)
          echo.json
            @@ -1,3 +1,3 @@
             {
            ---x
            +  y
             }
          ~ clusterclaw:process:Process web
              ~ env.A: [secret] → [secret]
        tenant/acme unchanged
      + instance/bad in acme  starts
          ✖ spec.config: model.name is required
            fix: --set model.name=…
          ! waits: spec.config: the secret model.apiKey is not set
          ! warning: spec.version: goes back from 2 to 1
            fix: stay
      ~ boundary/acme on eu-1, shared by the tenant's instances
          ~ kubernetes:core/v1:ResourceQuota acme-quota
              ~ spec.hard.pods: "1" → "2"

      Quota and policies
        ✔ quota instances: 2 of 10
        ✖ policy max-replicas: 5 is more than 3

      Sum: 1 to create, 1 to update, 1 unchanged
      Stack resources: 2 updated

      Apply exactly this within 50m:
        claw apply --plan pln_1"
    `);
  });

  it("shows the beginning of a new file, and all lines that change in one", ({ expect }) => {
    const lines = (mark: string) => Array.from({ length: 100 }, (_, index) => `${mark}line ${index}`).join("\n");
    const files = [
      { path: "new.json", diff: `--- /dev/null\n+++ b/new.json\n@@ -0,0 +1,100 @@\n${lines("+")}\n` },
      { path: "old.json", diff: `--- a/old.json\n+++ b/old.json\n@@ -0,0 +1,100 @@\n${lines("-")}\n` },
    ];
    const text = renderPreview(aPreview({ items: [aPreviewItem({ files })] }), plain);
    expect(text.match(/\+line/g)).toHaveLength(29);
    expect(text).toContain("… 71 more lines; -o json shows all");
    expect(text.match(/-line/g)).toHaveLength(100);
  });

  it("is silent about what is empty, and brief about what is long", ({ expect }) => {
    const diffs = [
      { path: "metadata.labels", kind: "add" as const, after: "{}" },
      { path: "spec.note", kind: "add" as const, after: `"${"x".repeat(500)}"` },
    ];
    const text = renderPreview(aPreview({ items: [aPreviewItem({ diffs })] }), plain);
    expect(text).not.toContain("metadata.labels");
    expect(text).toContain("x… (502 characters; -o json shows all)");
    expect(text).not.toContain("x".repeat(101));
  });

  it("has no changes when nothing differs, whatever the stack reads", ({ expect }) => {
    const same = aPreviewItem({ op: "same", effect: "none", resources: [{ urn: "u", type: "t", name: "n", op: "same", diffs: [] }] });
    expect(hasChanges(aPreview({ items: [same] }))).toBe(false);
    expect(hasChanges(aPreview({ items: [{ ...same, files: [{ path: "a", diff: "+x" }] }] }))).toBe(true);
    expect(hasChanges(aPreview())).toBe(true);
    const created = { urn: "u", type: "t", name: "n", op: "create" as const, diffs: [] };
    expect(hasChanges(aPreview({ items: [same], boundaries: [{ tenant: "acme", cluster: "eu-1", resources: [created] }] }))).toBe(true);
  });
});

describe("renderTree", () => {
  it("draws branches and states", ({ expect }) => {
    const nodes = [
      {
        label: "instance/web",
        state: "waiting" as const,
        note: "Creating",
        children: [
          { label: "Provisioned", state: "done" as const },
          { label: "Ready", state: "idle" as const, note: "waiting for its agent" },
        ],
      },
      { label: "instance/bot", state: "failed" as const },
    ];
    expect(renderTree(nodes, plain)).toEqual([
      "⠋ instance/web  Creating",
      "├─ ✔ Provisioned",
      "└─ · Ready  waiting for its agent",
      "✖ instance/bot",
    ]);
  });
});
