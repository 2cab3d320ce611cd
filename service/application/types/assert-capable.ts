import { type CapabilityName, ClawError, type ClawInstance, capabilities, type Permission } from "../../../sdk/contract/index.ts";
import type { ClawTypes } from "../ports/instances/claw-adapter.ts";

/** What a claw has to be capable of for what a permission lets one do. */
const NEEDED: Readonly<Partial<Record<Permission, CapabilityName>>> = { "instances.chat": "chat", "instances.console": "console" };

/** Refuses at once what no claw of the instance's type can do. @throws {ClawError} `instance.unsupported` */
export function assertCapable({ metadata, spec }: ClawInstance, permission: Permission, types: ClawTypes): void {
  const needed = NEEDED[permission];
  const adapter = types.find(spec.type);
  if (needed && adapter && !adapter.capabilities[needed]) {
    const message = `instance '${metadata.name}' is of type '${adapter.type}', which has not the capability '${needed}' (${capabilities[needed]})`;
    const fix = `see what its claws can do: claw types describe ${adapter.type}`;
    throw new ClawError("instance.unsupported", `${message}; ${fix}`, { issues: [{ path: "spec.type", message, fix }] });
  }
}
