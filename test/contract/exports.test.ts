import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it, onTestFinished } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: Record<string, string> };

/** What plain Node, without our test runner, finds under these names from a folder. */
function namesSeenFrom(folder: string): Record<string, string[]> {
  const script = `
    const seen = {};
    for (const name of ${JSON.stringify(Object.keys(exports))}) {
      seen[name] = Object.keys(await import(name.replace(".", "open-cluster-claw")));
    }
    console.log(JSON.stringify(seen));`;
  const program = join(folder, "program.mjs");
  writeFileSync(program, script);
  onTestFinished(() => rmSync(program));
  return JSON.parse(execFileSync(process.execPath, [program], { encoding: "utf8" }));
}

const expected = {
  "./contract": ["StackSpecSchema", "routes"],
  "./client": ["Claw"],
  "./components/kubernetes-claw-instance": ["KubernetesClawInstance"],
  "./components/process-claw-instance": ["ProcessClawInstance"],
  "./components/shared-volume": ["SharedVolume"],
  "./components/tenant-boundary": ["TenantBoundary"],
};

describe("what the package exports", () => {
  // Plain Node reads the sources of all of Pulumi for it: seconds at rest, half a minute beside other work.
  it("is found by its name in another package that links a checkout", { timeout: 120_000 }, ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "claw-exports-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/open-cluster-claw"));
    const seen = namesSeenFrom(folder);
    expect(Object.keys(seen)).toEqual(Object.keys(expected));
    for (const [name, exported] of Object.entries(expected)) {
      expect(seen[name]).toEqual(expect.arrayContaining(exported));
    }
  });
});
