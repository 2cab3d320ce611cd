import type { CallToolResult, McpServer, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Claw } from "../../client/index.ts";
import {
  ActionSchema,
  API_VERSION,
  type Change,
  ClawTypeListSchema,
  ConditionSchema,
  InstanceEventSchema,
  InstanceLogsSchema,
  ListQuerySchema,
  type Manifest,
  ManifestKindSchema,
  MetadataInputSchema,
  MetadataSchema,
  NameSchema,
  PreviewItemSchema,
  PreviewSchema,
  type Resource,
  redact,
} from "../../contract/index.ts";
import { kindOf } from "../resources.ts";
import { answered, failed, fits } from "./answers.ts";
import { ExplanationSchema, explain } from "./explain.ts";

interface ToolOptions {
  readonly claw: Claw;
  readonly allowApply: boolean;
}

const cut = { cut: z.string().optional().describe("says what was left out, and how to read it") };
const SummarySchema = z.object({
  name: z.string(),
  tenant: z.string().optional(),
  project: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  phase: z.string().optional(),
  conditions: z.array(ConditionSchema),
});
/** A manifest whose specification the service judges: all kinds' schemas would be most of what an agent reads at its start. */
const AnyManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: ManifestKindSchema,
    metadata: MetadataInputSchema.pick({
      name: true,
      namespace: true,
      project: true,
      labels: true,
      annotations: true,
      resourceVersion: true,
    }),
    spec: z.record(z.string(), z.unknown()),
  })
  .describe("a manifest; 'explain' with the term 'ClawInstance.spec' tells the fields of a kind");

/** The tools of an agent. Each answers what its schema says, or an error with what to do about it. */
export function addTools(server: McpServer, { claw, allowApply }: ToolOptions): void {
  const readOnly = { readOnlyHint: true, openWorldHint: false } as const;

  server.registerTool(
    "list",
    {
      description:
        "List resources of a kind: names, phases and conditions. Select by labels or fields; 'nextCursor' leads to the next page.",
      inputSchema: ListQuerySchema.extend({ kind: ManifestKindSchema, limit: z.int().min(1).max(100).default(50) }),
      outputSchema: z.object({ items: z.array(SummarySchema), nextCursor: z.string().optional(), ...cut }),
      annotations: readOnly,
    },
    answering(async ({ kind, limit, ...query }, signal) => {
      for (let count = limit; ; count = Math.ceil(count / 2)) {
        const { items, nextCursor } = await kindOf(kind).list(claw, { ...query, limit: count }, signal);
        const answer = { items: items.map(summaryOf), ...(nextCursor !== undefined && { nextCursor }) };
        // A page that is too large would lose its end, which no cursor leads to.
        if (count === 1 || fits(answer)) {
          return answered(answer, "'get' reads one resource whole");
        }
      }
    }),
  );

  server.registerTool(
    "get",
    {
      description: "Read one resource: metadata, specification, status. Secrets are masked.",
      inputSchema: z.strictObject({ kind: ManifestKindSchema, name: NameSchema }),
      outputSchema: z.object({
        apiVersion: z.string(),
        kind: ManifestKindSchema,
        metadata: MetadataSchema,
        spec: z.record(z.string(), z.unknown()),
        status: z.record(z.string(), z.unknown()),
        ...cut,
      }),
      annotations: readOnly,
    },
    answering(async ({ kind, name }, signal) => {
      const resource = await kindOf(kind).get(claw, name, signal);
      return answered({ ...resource }, `'claw get ${kindOf(kind).word}/${name} -o yaml' prints all of it`);
    }),
  );

  server.registerTool(
    "types",
    {
      description: "List the claw types that instances can have, and the versions that they are pinned to.",
      inputSchema: z.strictObject({}),
      outputSchema: ClawTypeListSchema.extend(cut),
      annotations: readOnly,
    },
    answering(async (_, signal) => answered(await claw.types.list({ signal }), "'claw types' prints all")),
  );

  server.registerTool(
    "explain",
    {
      description:
        "Say what a condition ('ConfigSynced'), a reason ('CrashLoop'), an error code ('tenant.quota_exceeded'), a kind ('ClawInstance') or a field ('ClawInstance.spec.drift') means, and what to do about it.",
      inputSchema: z.strictObject({ term: z.string().min(1).max(200) }),
      outputSchema: ExplanationSchema.extend(cut),
      annotations: readOnly,
    },
    answering(async ({ term }) => answered(await explain(term), "ask for one of its fields")),
  );

  server.registerTool(
    "logs",
    {
      description: "Read the last lines of an instance's log. What looks like a credential is masked.",
      inputSchema: z.strictObject({ name: NameSchema, tailLines: z.int().min(1).max(1000).default(100) }),
      outputSchema: InstanceLogsSchema.extend(cut),
      annotations: readOnly,
    },
    answering(async ({ name, tailLines }, signal) => {
      const { lines } = await claw.instances.logs(name, { tailLines }, { signal });
      const clean = redact(lines.join("\n")).split("\n");
      let first = 0;
      while (first < clean.length - 1 && !fits(clean.slice(first))) {
        first += Math.ceil((clean.length - first) / 8);
      }
      return answered(
        { lines: clean.slice(first), ...(first > 0 && { cut: `the first ${first} lines are left out` }) },
        `'claw logs ${name}' prints all`,
      );
    }),
  );

  server.registerTool(
    "events",
    {
      description: "List what happened to an instance, newest first.",
      inputSchema: z.strictObject({ name: NameSchema, limit: z.int().min(1).max(100).default(20) }),
      outputSchema: z.object({ items: z.array(InstanceEventSchema), ...cut }),
      annotations: readOnly,
    },
    answering(async ({ name, limit }, signal) => {
      const { items } = await claw.instances.events(name, { limit }, { signal });
      return answered({ items }, `'claw events ${name}' prints all`);
    }),
  );

  server.registerTool(
    "preview",
    {
      description:
        "Say what manifests and actions would change, down to lines of files, restarts, quotas and policies. Changes nothing. 'planId' is there when it can be applied; 'refusal' says why not.",
      inputSchema: z.strictObject({
        manifests: z.array(AnyManifestSchema).max(100).default([]),
        actions: z.array(ActionSchema).max(100).default([]),
      }),
      outputSchema: PreviewSchema.extend({ refusal: z.string().optional(), ...cut }),
      annotations: readOnly,
    },
    answering(async ({ manifests, actions }, signal) => {
      const applied = manifests.map((manifest): Change => ({ action: "apply", manifest: manifest as Manifest }));
      const plan = await claw.previews.create({ changes: [...applied, ...actions] }, { signal });
      const refusal = plan.refusal()?.message;
      return answered({ ...plan, ...(refusal !== undefined && { refusal }) }, "'changes' reads its items one page after the other");
    }),
  );

  server.registerTool(
    "changes",
    {
      description: "Read the items of an earlier preview; 'nextCursor' leads to the next page.",
      inputSchema: z.strictObject({ id: z.string().max(128), cursor: z.string().max(6).optional() }),
      outputSchema: z.object({ items: z.array(PreviewItemSchema), nextCursor: z.string().optional(), ...cut }),
      annotations: readOnly,
    },
    answering(async ({ id, cursor }, signal) => {
      const { items, nextCursor } = await claw.previews.changes(id, cursor === undefined ? {} : { cursor }, { signal });
      return answered({ items, ...(nextCursor !== undefined && { nextCursor }) }, `'claw apply --plan ${id}' shows all and asks`);
    }),
  );

  if (allowApply) {
    server.registerTool(
      "apply",
      {
        description:
          "Apply a plan exactly as it was previewed, after the user agreed to it. Refused when its base has changed meanwhile: preview again then.",
        inputSchema: z.strictObject({ planId: z.string().max(128) }),
        outputSchema: z.object({
          applied: z.array(PreviewItemSchema.pick({ kind: true, name: true, tenant: true, op: true, effect: true })),
          ...cut,
        }),
        annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
      },
      answering(async ({ planId }, signal) => {
        const { items } = await (await claw.previews.get(planId, { signal })).apply({ signal });
        const applied = items.map(({ kind, name, tenant, op, effect }) => ({ kind, name, tenant, op, effect }));
        return answered({ applied }, "'changes' reads all of the plan's items");
      }),
    );
  }
}

/** A tool's callback: its failures are answers, and it ends when the client cancels it. */
function answering<I>(work: (input: I, signal: AbortSignal) => Promise<CallToolResult>) {
  return async (input: I, { mcpReq }: Pick<ServerContext, "mcpReq">): Promise<CallToolResult> => {
    try {
      return await work(input, mcpReq.signal);
    } catch (error) {
      return failed(error);
    }
  };
}

function summaryOf({ metadata, status }: Resource): z.infer<typeof SummarySchema> {
  const { name, namespace, project, labels } = metadata;
  return {
    name,
    ...(namespace !== undefined && { tenant: namespace }),
    ...(project !== undefined && { project }),
    labels,
    ...("phase" in status && { phase: status.phase }),
    conditions: status.conditions,
  };
}
