import type { PropertyMap } from "../../engine/contract/values.ts";
import type { ApiClient } from "../../kubernetes/client/api-client.ts";
import { ApiError, NoMatchError } from "../../kubernetes/client/api-errors.ts";
import { at, listAt, mapAt, textAt } from "../../kubernetes/client/objects.ts";

/** Where objects of one kind live. */
export interface Resource {
  readonly isNamespaced: boolean;
  readonly collection: (namespace: string) => string;
  readonly path: (namespace: string, name: string) => string;
}
/** The schemas of one group and version: by name, as `#/components/schemas/<name>` refers to them. */
export interface Schemas {
  readonly byName: PropertyMap;
  /** The schema of a kind, or undefined when the server publishes none. */
  of(kind: string): PropertyMap | undefined;
}

const INDEX_AGE_MS = 30_000;
const YOUNG_MS = 1000;

/** What a server can do: its kinds and their schemas. Read once, and again when a kind is missing or the server's index says so. */
export class ClusterKinds {
  readonly #client: ApiClient;
  readonly #resources = new Map<string, Promise<Map<string, Resource>>>();
  readonly #schemas = new Map<string, { readonly url: string; readonly schemas: Promise<Schemas | undefined> }>();
  #index: { readonly at: number; readonly urls: Promise<PropertyMap> } | undefined;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** @throws {NoMatchError} when the server has no such kind. */
  async resource(apiVersion: string, kind: string): Promise<Resource> {
    const known = (await this.#resourcesOf(apiVersion)).get(kind);
    if (known) {
      return known;
    }
    // Perhaps its definition is younger than what we know.
    this.#resources.delete(apiVersion);
    const found = (await this.#resourcesOf(apiVersion)).get(kind);
    if (!found) {
      this.#resources.delete(apiVersion);
      throw new NoMatchError(apiVersion, kind);
    }
    return found;
  }

  /** Undefined when the server publishes no schema for the kind. */
  async schemas(apiVersion: string, kind: string): Promise<Schemas | undefined> {
    const known = await this.#schemasOf(apiVersion, INDEX_AGE_MS);
    if (known?.of(kind)) {
      return known;
    }
    // The schema of a new definition is published a moment after the kind.
    const latest = await this.#schemasOf(apiVersion, YOUNG_MS);
    return latest?.of(kind) && latest;
  }

  async #schemasOf(apiVersion: string, ageMs: number): Promise<Schemas | undefined> {
    const index = await this.#readIndex(ageMs);
    const url = textAt(index, groupPath(apiVersion).slice(1), "serverRelativeURL");
    if (url === "") {
      return undefined;
    }
    const known = this.#schemas.get(apiVersion);
    if (known?.url === url) {
      return known.schemas;
    }
    const schemas = this.#readSchemas(url);
    this.#schemas.set(apiVersion, { url, schemas });
    schemas.catch(() => undefined).then((read) => read ?? this.#schemas.delete(apiVersion));
    return schemas;
  }

  /** A definition was made or changed. */
  forget(): void {
    this.#resources.clear();
    this.#index = undefined;
  }

  #resourcesOf(apiVersion: string): Promise<Map<string, Resource>> {
    const known = this.#resources.get(apiVersion);
    if (known) {
      return known;
    }
    const reading = this.#readResources(apiVersion);
    this.#resources.set(apiVersion, reading);
    reading.catch(() => this.#resources.delete(apiVersion));
    return reading;
  }

  async #readResources(apiVersion: string): Promise<Map<string, Resource>> {
    const root = groupPath(apiVersion);
    const list = await this.#client.request({ path: root }).catch(ifNotFound);
    const resources = new Map<string, Resource>();
    for (const entry of listAt(list, "resources")) {
      const name = textAt(entry, "name");
      if (!name.includes("/")) {
        const isNamespaced = at(entry, "namespaced") === true;
        const collection = (namespace: string) =>
          isNamespaced && namespace ? `${root}/namespaces/${namespace}/${name}` : `${root}/${name}`;
        const path = (namespace: string, object: string) => `${collection(namespace)}/${encodeURIComponent(object)}`;
        resources.set(textAt(entry, "kind"), { isNamespaced, collection, path });
      }
    }
    return resources;
  }

  #readIndex(ageMs: number): Promise<PropertyMap> {
    if (!this.#index || Date.now() - this.#index.at > ageMs) {
      const urls = this.#client.request({ path: "/openapi/v3" }).then((index) => mapAt(index, "paths"));
      this.#index = { at: Date.now(), urls };
      urls.catch(() => {
        this.#index = undefined;
      });
    }
    return this.#index.urls;
  }

  /** Undefined where the index names them already, and the server does not have them yet. */
  async #readSchemas(url: string): Promise<Schemas | undefined> {
    // With the hash in the address, an outdated one is answered with a redirect; without it comes what is there now.
    const [path = ""] = url.split("?");
    const document = await this.#client.request({ path }).catch(ifNotFound);
    if (!document) {
      return undefined;
    }
    // Most of a document is operations and prose.
    const byName = mapAt(withoutDescriptions(document), "components", "schemas");
    const byKind = new Map<string, PropertyMap>();
    for (const schema of Object.values(byName)) {
      const kinds = listAt(schema, "x-kubernetes-group-version-kind").map((each) => textAt(each, "kind"));
      for (const kind of kinds) {
        byKind.set(kind, schema as PropertyMap);
      }
    }
    return { byName, of: (kind) => byKind.get(kind) };
  }
}

function ifNotFound(error: unknown): undefined {
  if (!(error instanceof ApiError && error.isNotFound)) {
    throw error;
  }
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function withoutDescriptions(document: PropertyMap): PropertyMap {
  const text = JSON.stringify(mapAt(document, "components"), (key, value) =>
    key === "description" && typeof value === "string" ? undefined : value,
  );
  return { components: JSON.parse(text) as PropertyMap };
}
