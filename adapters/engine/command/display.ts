import { valueAt } from "../contract/property-path.ts";
import { parseUrn } from "../contract/urn.ts";
import { isUnknown, type PropertyMap, type PropertyValue, SIGNATURE_KEY } from "../contract/values.ts";
import type { EngineEvent, OperationRequest, OperationResult } from "../operation.ts";
import { maskSecrets } from "../secrets/secret-values.ts";
import type { CommandContext } from "./context.ts";

interface StepState {
  readonly inputs?: PropertyMap | null;
  readonly outputs?: PropertyMap | null;
}
interface StepMetadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old?: StepState | null;
  readonly new?: StepState | null;
  readonly diffs?: readonly string[] | null;
  readonly detailedDiff?: Readonly<Record<string, { diffKind: string; inputDiff: boolean }>> | null;
}
interface Diagnostic {
  readonly urn?: string;
  readonly message: string;
  readonly severity: string;
  readonly ephemeral?: boolean;
}

const symbols: Readonly<Record<string, string>> = {
  same: "  ",
  create: "+ ",
  update: "~ ",
  delete: "- ",
  replace: "+-",
  "create-replacement": "++",
  "delete-replaced": "--",
  read: "> ",
  "read-replacement": ">>",
  refresh: "~ ",
  discard: "< ",
  "discard-replaced": "<<",
  "remove-pending-replace": "~ ",
  import: "= ",
  "import-replacement": "=>",
};
const past: Readonly<Record<string, string>> = {
  create: "created",
  update: "updated",
  delete: "deleted",
  replace: "replaced",
  "create-replacement": "created replacement",
  "delete-replaced": "deleted original",
  read: "read",
  import: "imported",
  refresh: "refreshed",
  same: "unchanged",
};
const titles: Readonly<Record<OperationRequest["kind"], readonly [preview: string, real: string]>> = {
  update: ["Previewing update", "Updating"],
  refresh: ["Previewing refresh", "Refreshing"],
  destroy: ["Previewing destroy", "Destroying"],
  import: ["Previewing import", "Importing"],
};

/** The readable account of an operation on stdout. Machines read the event stream instead. */
export class OperationDisplay {
  readonly #ctx: CommandContext;
  readonly #dryRun: boolean;
  readonly #kind: OperationRequest["kind"];
  readonly #stack: string;
  readonly #startedAt = performance.now();
  readonly #diagnostics: Diagnostic[] = [];
  /** A component in a preview is told twice: at its registration, and with its outputs. */
  readonly #told = new Set<string>();
  #outputs: PropertyMap | undefined;

  constructor(ctx: CommandContext, operation: { kind: OperationRequest["kind"]; dryRun: boolean; stack: string }) {
    this.#ctx = ctx;
    this.#dryRun = operation.dryRun;
    this.#kind = operation.kind;
    this.#stack = operation.stack;
    ctx.out(`${titles[operation.kind][operation.dryRun ? 0 : 1]} (${operation.stack}):\n\n`);
  }

  show(event: EngineEvent): void {
    const { resOutputsEvent, resOpFailedEvent, diagnosticEvent } = event as Record<string, { metadata: StepMetadata }>;
    if (resOutputsEvent) {
      this.#showStep(resOutputsEvent.metadata);
    }
    if (resOpFailedEvent) {
      this.#line(resOpFailedEvent.metadata, `${resOpFailedEvent.metadata.op} failed`);
    }
    if (diagnosticEvent) {
      this.#diagnostics.push(diagnosticEvent as unknown as Diagnostic);
    }
  }

  finish(result: OperationResult): void {
    this.#showDiagnostics();
    if (this.#outputs && !this.#ctx.command.bool("suppress-outputs") && Object.keys(this.#outputs).length > 0) {
      this.#ctx.out("Outputs:\n");
      for (const [key, value] of Object.entries(this.#outputs)) {
        this.#ctx.out(`    ${key}: ${shown(value)}\n`);
      }
      this.#ctx.out("\n");
    }
    this.#ctx.out("Resources:\n");
    for (const [op, count] of Object.entries(result.changes)) {
      if (op !== "same") {
        this.#ctx.out(`    ${symbols[op] ?? "  "}${count} ${this.#dryRun ? `to ${op}` : (past[op] ?? op)}\n`);
      }
    }
    const unchanged = result.changes["same"] ?? 0;
    if (unchanged > 0) {
      this.#ctx.out(`    ${unchanged} unchanged\n`);
    }
    if (this.#dryRun) {
      return;
    }
    this.#ctx.out(`\nDuration: ${Math.ceil((performance.now() - this.#startedAt) / 1000)}s\n`);
    if (this.#kind === "destroy" && result.result === "succeeded" && this.#ctx.command.list("target").length === 0) {
      this.#ctx.out(
        "\nThe resources in the stack have been deleted, but the history and configuration associated with the stack are " +
          `still maintained.\nIf you want to remove the stack completely, run \`pulumi stack rm ${this.#stack}\`.\n`,
      );
    }
  }

  #showStep(metadata: StepMetadata): void {
    if (metadata.type === "pulumi:pulumi:Stack" && metadata.new?.outputs) {
      this.#outputs = metadata.new.outputs;
    }
    if (metadata.op === "same" || metadata.type.startsWith("pulumi:providers:")) {
      return;
    }
    const step = `${metadata.op} ${metadata.urn}`;
    if (this.#told.has(step)) {
      return;
    }
    this.#told.add(step);
    this.#line(metadata, this.#dryRun ? metadata.op : (past[metadata.op] ?? metadata.op));
    const isCreate = metadata.op === "create" || metadata.op === "import";
    if (isCreate && !this.#ctx.command.bool("diff")) {
      return;
    }
    for (const line of propertyLines(metadata)) {
      this.#ctx.out(`      ${line}\n`);
    }
  }

  #line(metadata: StepMetadata, verb: string): void {
    this.#ctx.out(` ${symbols[metadata.op] ?? "  "} ${metadata.type} ${parseUrn(metadata.urn).name} ${verb}\n`);
  }

  #showDiagnostics(): void {
    const wanted = this.#diagnostics.filter(
      ({ severity, ephemeral }) => !ephemeral && (severity !== "debug" || this.#ctx.command.bool("debug")),
    );
    if (wanted.length === 0) {
      return;
    }
    this.#ctx.out("\nDiagnostics:\n");
    const byUrn = Map.groupBy(wanted, ({ urn }) => urn ?? "");
    for (const [urn, diagnostics] of byUrn) {
      this.#ctx.out(urn === "" ? "  engine:\n" : `  ${parseUrn(urn).type} (${parseUrn(urn).name}):\n`);
      for (const { severity, message } of diagnostics) {
        const text = message.replaceAll(/<\{%.*?%\}>/g, "").trimEnd();
        const prefix = severity.startsWith("info") ? "" : `${severity}: `;
        for (const [index, line] of text.split("\n").entries()) {
          this.#ctx.out(`    ${index === 0 && !line.startsWith(prefix) ? prefix : ""}${line}\n`);
        }
      }
    }
    this.#ctx.out("\n");
  }
}

function propertyLines({ op, old, new: fresh, detailedDiff, diffs }: StepMetadata): string[] {
  if (op === "create" || op === "import") {
    return Object.entries(fresh?.inputs ?? {}).map(([key, value]) => `+ ${key}: ${shown(value)}`);
  }
  if (op !== "update" && op !== "replace" && op !== "refresh") {
    return [];
  }
  const before = old?.inputs ?? {};
  const after = fresh?.inputs ?? {};
  const paths = Object.keys(detailedDiff ?? {});
  const changed = Object.keys({ ...before, ...after }).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return (paths.length > 0 ? paths : diffs && diffs.length > 0 ? diffs : changed).map((path) => {
    const isInput = detailedDiff?.[path]?.inputDiff ?? true;
    const was = valueAt(isInput ? before : (old?.outputs ?? {}), path);
    const is = valueAt(after, path);
    const note = detailedDiff?.[path]?.diffKind.endsWith("-replace") ? " [replaces]" : "";
    if (was === undefined) {
      return `+ ${path}: ${shown(is)}${note}`;
    }
    if (is === undefined) {
      return `- ${path}: ${shown(was)}${note}`;
    }
    return `~ ${path}: ${shown(was)} => ${shown(is)}${note}`;
  });
}

function shown(value: PropertyValue | undefined): string {
  if (value === undefined) {
    return "(none)";
  }
  return JSON.stringify(readable(maskSecrets(value)))
    .replaceAll('"[secret]"', "[secret]")
    .replaceAll('"[unknown]"', "[unknown]");
}

function readable(value: PropertyValue): PropertyValue {
  if (typeof value === "string") {
    return isUnknown(value) ? "[unknown]" : value;
  }
  if (Array.isArray(value)) {
    return value.map(readable);
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (key === SIGNATURE_KEY ? [] : [[key, readable(item)]])));
}
