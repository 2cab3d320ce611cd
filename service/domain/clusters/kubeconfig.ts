import { parse, YAMLParseError } from "yaml";

/** A kubeconfig's lists, their entries as Kubernetes describes them. */
export interface Kubeconfig {
  readonly clusters: unknown;
  readonly users?: unknown;
  readonly contexts?: unknown;
  readonly "current-context"?: string;
}

/** Why a text is no kubeconfig. Its message has positions and reasons only: what stands there may be a credential. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** @throws {KubeconfigError} */
export function parseKubeconfig(text: string): Kubeconfig {
  const config = parseYaml(text);
  if (typeof config !== "object" || config === null || !("clusters" in config)) {
    throw new KubeconfigError("is not the content of a kubeconfig: it has no 'clusters'");
  }
  for (const list of ["clusters", "users", "contexts"]) {
    const entries = (config as Readonly<Record<string, unknown>>)[list] ?? [];
    if (!(Array.isArray(entries) && entries.every((entry) => typeof entry?.name === "string"))) {
      throw new KubeconfigError(`is not the content of a kubeconfig: its '${list}' are no list of entries with names`);
    }
  }
  return config as Kubeconfig;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    // The parser's message quotes the line.
    const at = error instanceof YAMLParseError ? error.linePos?.[0] : undefined;
    const reason = error instanceof YAMLParseError ? error.code.toLowerCase().replaceAll("_", " ") : "it can't be read";
    throw new KubeconfigError(`is not YAML: ${reason}${at ? ` at line ${at.line}, column ${at.col}` : ""}`);
  }
}
