import { describe, it } from "vitest";
import { assertConfined } from "../../../../../service/application/instances/host-use.ts";
import { type Actor, ANONYMOUS, administrator, relaying } from "../../../../../service/domain/access/actor.ts";

const unconfined = { why: "bubblewrap is missing", fix: "install bubblewrap" };
const tenant: Actor = { ...ANONYMOUS, subject: "mallory", tenantId: "ten_1" };
const admin = administrator("admin");

describe("a host that can't confine claws", () => {
  it("is a platform administrator's only, and the refusal says why and what to do", ({ expect }) => {
    expect(() => assertConfined(tenant, "local", unconfined)).toThrow(
      /platform administrator's only.*bubblewrap is missing; install bubblewrap/,
    );
    expect(() => assertConfined(admin, "local", unconfined)).not.toThrow();
  });

  it("is not an administrator's who hands on what a tenant wrote elsewhere", ({ expect }) => {
    expect(() => assertConfined(relaying("cluster:east"), "local", unconfined)).toThrow("platform administrator's only");
  });

  it("keeps nobody from a cluster, nor from a host that confines", ({ expect }) => {
    expect(() => assertConfined(tenant, "east", unconfined)).not.toThrow();
    expect(() => assertConfined(tenant, "local", undefined)).not.toThrow();
  });
});
