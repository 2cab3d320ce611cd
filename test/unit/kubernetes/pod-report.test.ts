import { describe, it } from "vitest";
import { toPodReport } from "../../../adapters/kubernetes/pod-report.ts";

describe("what is told of a pod whose claw keeps ending", () => {
  it("has the claw's last word", ({ expect }) => {
    const terminated = { exitCode: 78, reason: "Error", message: "It says: gateway.mode: is missing" };
    const claw = { name: "claw", ready: false, restartCount: 3 };
    const pod = (state: object) => ({ metadata: { name: "web-0", uid: "u" }, status: { containerStatuses: [{ ...claw, ...state }] } });
    const waiting = { state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: { terminated } };
    expect(toPodReport(pod(waiting), undefined)).toMatchObject({
      reason: "CrashLoopBackOff",
      message: expect.stringMatching(/ended with exit code 78.*It says: gateway\.mode: is missing$/),
    });
    expect(toPodReport(pod({ state: { terminated } }), undefined).message).toContain("It says: gateway.mode");
  });
});
