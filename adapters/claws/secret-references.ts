import { formatConfigKey, type Issue } from "../../sdk/contract/index.ts";
import type { UnifiedConfig } from "../../service/application/ports/instances/claw-adapter.ts";
import { isTree } from "../../service/domain/configs/config-path.ts";

/** Moves the secret values of a config into environment variables, leaving what `reference` makes of the variable's name. */
export class SecretReferences {
  readonly env: Record<string, string> = {};
  readonly issues: Issue[] = [];
  readonly #secrets: ReadonlySet<string>;
  readonly #reference: (name: string) => string;

  constructor(secrets: ReadonlySet<string>, reference: (name: string) => string) {
    this.#secrets = secrets;
    this.#reference = reference;
  }

  /** A copy of the tree with every secret replaced. */
  extract(tree: UnifiedConfig): Record<string, unknown> {
    return this.#extractItems(tree, "") as Record<string, unknown>;
  }

  #extractItems(value: unknown, above: string): unknown {
    if (Array.isArray(value)) {
      return value.map((item, index) => this.#extractItem(formatConfigKey([String(index)], above), item));
    }
    if (isTree(value)) {
      const items = Object.entries(value);
      return Object.fromEntries(items.map(([name, item]) => [name, this.#extractItem(formatConfigKey([name], above), item)]));
    }
    return value;
  }

  #extractItem(key: string, value: unknown): unknown {
    return this.#secrets.has(key) ? this.#move(key, value) : this.#extractItems(value, key);
  }

  #move(key: string, value: unknown): unknown {
    if (typeof value !== "string" && typeof value !== "number") {
      this.issues.push({ path: key, message: "a secret must be a text", fix: "give its parts as variables of their own" });
      return undefined;
    }
    const name = this.#freeName(key);
    this.env[name] = String(value);
    return this.#reference(name);
  }

  #freeName(key: string): string {
    const base = secretEnvName(key);
    let name = base;
    for (let count = 2; name in this.env; count++) {
      name = `${base}_${count}`;
    }
    return name;
  }
}

/** `model.apiKey` → `CLAW_SECRET_MODEL_API_KEY`. */
export function secretEnvName(key: string): string {
  const words = key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[^A-Za-z0-9]+/g, "_");
  return `CLAW_SECRET_${words.toUpperCase()}`;
}
