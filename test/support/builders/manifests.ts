import type { ClawInstanceInput, ConfigTemplateInput, TenantInput } from "../../../sdk/contract/index.ts";
import { ClawInstanceInputSchema, ConfigTemplateInputSchema, TenantInputSchema } from "../../../sdk/contract/index.ts";

const API_VERSION = "clusterclaw.io/v1";

/** A small instance. */
export function anInstance(name: string, spec: { type: string; [key: string]: unknown }, metadata: object = {}): ClawInstanceInput {
  const small = { resources: { cpu: "100m", memory: "64Mi" }, storage: { size: "1Gi" } };
  return ClawInstanceInputSchema.parse({
    apiVersion: API_VERSION,
    kind: "ClawInstance",
    metadata: { name, ...metadata },
    spec: { ...small, ...spec },
  });
}

/** An instance of the fast claw. */
export function anEcho(name: string, spec: object = {}, metadata: object = {}): ClawInstanceInput {
  return anInstance(name, { type: "Echo", ...spec }, metadata);
}

export function aTenant(name: string, spec: object = {}): TenantInput {
  return TenantInputSchema.parse({ apiVersion: API_VERSION, kind: "Tenant", metadata: { name }, spec });
}

export function aTemplate(name: string, spec: object = {}): ConfigTemplateInput {
  return ConfigTemplateInputSchema.parse({
    apiVersion: API_VERSION,
    kind: "ConfigTemplate",
    metadata: { name },
    spec: { adapter: "EchoAdapter", ...spec },
  });
}
