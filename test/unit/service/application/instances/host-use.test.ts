import { describe, it } from "vitest";
import { assertConfined } from "../../../../../service/application/instances/host-use.ts";

const unconfined = { why: "bubblewrap is missing", fix: "install bubblewrap" };
const tenant = { subject: "mallory", tenantId: "ten_1", platform: false } as const;
const administrator = { subject: "admin", tenantId: undefined, platform: true } as const;

describe("a host that can't confine claws", () => {
  it("is a platform administrator's only, and the refusal says why and what to do", ({ expect }) => {
    expect(() => assertConfined(tenant, "local", unconfined)).toThrow(
      /platform administrator's only.*bubblewrap is missing; install bubblewrap/,
    );
    expect(() => assertConfined(administrator, "local", unconfined)).not.toThrow();
  });

  it("is not an administrator's who hands on what a tenant wrote elsewhere", ({ expect }) => {
    expect(() => assertConfined({ ...administrator, relays: true }, "local", unconfined)).toThrow("platform administrator's only");
  });

  it("keeps nobody from a cluster, nor from a host that confines", ({ expect }) => {
    expect(() => assertConfined(tenant, "east", unconfined)).not.toThrow();
    expect(() => assertConfined(tenant, "local", undefined)).not.toThrow();
  });
});
