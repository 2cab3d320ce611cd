import { describe, it } from "vitest";
import { openClawAdapter } from "../../../adapters/claws/openclaw/open-claw-adapter.ts";
import { toPodReport } from "../../../adapters/kubernetes/pod-report.ts";
import { inWordsOf } from "../../../service/domain/instances/pod.ts";

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
    const ended = toPodReport(pod({ state: { terminated } }), undefined);
    expect(ended.exit).toEqual({ code: 78, explained: true });
    // In the words that the claw's agent has for it on a host.
    expect(inWordsOf(openClawAdapter().exitCodes, ended)).toMatchObject({
      reason: "ConfigError",
      message: expect.stringMatching(/^OpenClaw refused its configuration: .*gateway\.mode: is missing$/),
    });
    // It ends so for data of a newer version too, of which it leaves no word.
    const { message: _, ...silent } = terminated;
    const unexplained = toPodReport(pod({ state: { terminated: silent } }), undefined);
    expect(inWordsOf(openClawAdapter().exitCodes, unexplained)).toEqual(unexplained);
    expect(ended.message).toContain("It says: gateway.mode");
  });
});
