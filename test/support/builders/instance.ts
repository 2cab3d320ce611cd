import { InstanceSpecSchema } from "../../../sdk/contract/index.ts";
import type { Instance, InstanceState } from "../../../service/domain/instances/instance.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

/** An instance that was just created, with what the test cares about on top. */
export function anInstance(over: Partial<Omit<Instance, "status">> & { status?: Partial<InstanceState> } = {}): Instance {
  return {
    id: "ins_1",
    tenantId: "ten_1",
    projectId: "prj_1",
    projectName: "default",
    name: "claw-1",
    labels: {},
    annotations: {},
    spec: InstanceSpecSchema.parse({ type: "Echo" }),
    settings: {},
    generation: 1,
    resourceVersion: 1,
    restartedAt: undefined,
    deletedAt: undefined,
    purgeData: false,
    forget: false,
    cluster: "local",
    movedFrom: undefined,
    agentToken: 0,
    createdAt: CREATED,
    updatedAt: CREATED,
    ...over,
    status: {
      phase: "Creating",
      observedGeneration: 0,
      lastTransitionTime: CREATED,
      conditions: [],
      agent: undefined,
      pod: undefined,
      drift: [],
      delivery: undefined,
      consistency: undefined,
      configVersion: undefined,
      attempts: 0,
      nextAttemptAt: undefined,
      ...over.status,
    },
  };
}
