import { isProviderType, makeUrn } from "../contract/urn.ts";
import type { OperationOptions } from "../operation.ts";
import type { ParsedCommand } from "./arguments.ts";
import type { StackContext } from "./context.ts";
import { CommandFailure, ExitCode } from "./failure.ts";

type Import = OperationOptions["imports"][number];
interface ImportFile {
  readonly nameTable?: Readonly<Record<string, string>>;
  readonly resources?: readonly ImportFileResource[];
}
type ImportFileResource = Readonly<Record<string, unknown>>;

/** `properties` says which inputs the generated code shows, of which there is none. */
const textFields = ["type", "name", "id", "parent", "provider", "logicalName", "version", "pluginDownloadUrl"] as const;
const knownFields: readonly string[] = [...textFields, "component", "properties"];

/** One resource of the file, before its parent is known. */
type Spec = { readonly [field in (typeof textFields)[number]]: string } & { readonly component: boolean };

/** The resources of `pulumi import`: `TYPE NAME ID`, or those of its import file. @throws {CommandFailure} */
export async function readImports(
  command: ParsedCommand,
  { project, ref }: StackContext,
  read: (file: string) => Promise<string>,
): Promise<Import[]> {
  if (command.bool("generate-code") !== false) {
    throw new CommandFailure(
      ExitCode.Failed,
      "--generate-code is not supported by the embedded engine: program code is not generated; pass generateCode: false",
    );
  }
  const protect = command.bool("protect") ?? true;
  const file = command.value("file");
  const [type, name, id] = command.positionals;
  if (file === undefined) {
    if (!type || !name || !id) {
      throw new CommandFailure(ExitCode.Failed, "an import needs a file, or TYPE NAME ID");
    }
    return [{ type, name, id, protect }];
  }
  const { nameTable = {}, resources = [] } = JSON.parse(await read(file)) as ImportFile;
  const specs = resources.map(readSpec);
  const urns = new Map(Object.entries(nameTable));
  const named = (referrer: Spec, kind: "parent" | "provider"): string | undefined => {
    const reference = referrer[kind];
    if (reference === "") {
      return undefined;
    }
    if (!urns.has(reference) && !specs.some((spec) => spec.name === reference)) {
      const of = `resource '${referrer.name}' of type '${referrer.type}'`;
      throw new CommandFailure(ExitCode.Failed, `the ${kind} '${reference}' for ${of} has no entry in 'nameTable'`);
    }
    return urns.get(reference);
  };
  const imports = new Map<Spec, Import>();
  // A parent may come after its children: their URNs wait for its own.
  for (let before = -1; before !== imports.size; ) {
    before = imports.size;
    for (const spec of specs) {
      const parent = named(spec, "parent");
      if (imports.has(spec) || (spec.parent !== "" && parent === undefined)) {
        continue;
      }
      urns.set(spec.name, makeUrn(ref.stack, project.name, parent, spec.type, spec.logicalName));
      const provider = named(spec, "provider");
      imports.set(spec, {
        type: spec.type,
        name: spec.logicalName,
        id: spec.id,
        ...(parent !== undefined && { parent }),
        ...(provider !== undefined && { provider }),
        ...(spec.version !== "" && { version: spec.version }),
        ...(spec.pluginDownloadUrl !== "" && { pluginDownloadUrl: spec.pluginDownloadUrl }),
        ...(spec.component && { component: true }),
        protect,
      });
    }
  }
  if (imports.size < specs.length) {
    throw new CommandFailure(ExitCode.Failed, "resources of the import file have each other as parents");
  }
  return specs.map((spec) => imports.get(spec) as Import);
}

function readSpec(resource: ImportFileResource, index: number): Spec {
  const unknown = Object.keys(resource).find((field) => !knownFields.includes(field) && resource[field] !== undefined);
  if (unknown !== undefined) {
    throw new CommandFailure(ExitCode.Failed, `resource ${index} of the import file: '${unknown}' is not supported`);
  }
  const text = (field: (typeof textFields)[number]): string => {
    const value = resource[field] ?? "";
    if (typeof value !== "string") {
      throw new CommandFailure(ExitCode.Failed, `resource ${index} of the import file: '${field}' is not a text`);
    }
    return value;
  };
  const spec: Spec = {
    type: text("type"),
    // Each stands in for the other.
    name: text("name") || text("logicalName"),
    logicalName: text("logicalName") || text("name"),
    id: text("id"),
    parent: text("parent"),
    provider: text("provider"),
    version: text("version"),
    pluginDownloadUrl: text("pluginDownloadUrl"),
    component: resource["component"] === true,
  };
  const problem = problemOf(spec);
  if (problem) {
    const described = spec.name === "" ? `resource ${spec.id === "" ? index : `'${spec.id}'`}` : `resource '${spec.name}'`;
    throw new CommandFailure(ExitCode.Failed, `${described}${spec.type && ` of type '${spec.type}'`} ${problem}`);
  }
  return spec;
}

function problemOf({ type, name, id, component }: Spec): string | undefined {
  if (type === "") {
    return "has no type";
  }
  if (name === "") {
    return "has no name";
  }
  if (isProviderType(type)) {
    return "is a provider, which the embedded engine does not make in an import: have it in the program";
  }
  if (component) {
    return id === "" ? undefined : "has an ID, but is marked as a component";
  }
  return id === "" ? "has no ID" : undefined;
}
