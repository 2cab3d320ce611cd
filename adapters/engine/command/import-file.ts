import { makeUrn } from "../contract/urn.ts";
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

const knownFields = ["type", "name", "id", "parent", "provider", "logicalName"];

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
  const urns = new Map(Object.entries(nameTable));
  return resources.map((resource, index) => {
    const unknown = Object.keys(resource).filter((field) => !knownFields.includes(field) && resource[field] !== undefined);
    if (unknown.length > 0) {
      throw new CommandFailure(ExitCode.Failed, `resource ${index} of the import file: '${unknown[0]}' is not supported`);
    }
    const field = (key: string): string => {
      const value = resource[key];
      if (typeof value === "string" && value !== "") {
        return value;
      }
      throw new CommandFailure(ExitCode.Failed, `resource ${index} of the import file has no ${key}`);
    };
    const reference = (key: "parent" | "provider"): string | undefined => {
      if (resource[key] === undefined) {
        return undefined;
      }
      const urn = urns.get(field(key));
      if (urn !== undefined) {
        return urn;
      }
      throw new CommandFailure(
        ExitCode.Failed,
        `the ${key} '${field(key)}' of resource '${field("name")}' has no entry in the nameTable and no resource before it`,
      );
    };
    const parent = reference("parent");
    const provider = reference("provider");
    const logicalName = resource["logicalName"] === undefined ? field("name") : field("logicalName");
    urns.set(field("name"), makeUrn(ref.stack, project.name, parent, field("type"), logicalName));
    return {
      type: field("type"),
      name: logicalName,
      id: field("id"),
      ...(parent !== undefined && { parent }),
      ...(provider !== undefined && { provider }),
      protect,
    };
  });
}
