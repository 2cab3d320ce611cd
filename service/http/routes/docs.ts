import type { FastifyPluginAsync } from "fastify";
import { escaped } from "../html.ts";
import { openApiDocument } from "../openapi.ts";
import { NOTHING } from "../plugins/browser-rules.ts";

interface Reference {
  readonly $ref?: string;
}
interface Parameter extends Reference {
  readonly name?: string;
  readonly in?: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: object;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly "x-scope": string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string; readonly "x-error-codes"?: readonly string[] }>>;
}
interface Document {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly parameters: Readonly<Record<string, Parameter>> };
}

/** The OpenAPI document for people: a page without scripts, made here of the document alone. */
export const docs: FastifyPluginAsync = async (app) => {
  const text = { config: { scope: "public" }, serializerCompiler: () => String } as const;
  const page = pageOf(openApiDocument() as unknown as Document);
  const styled = { contentSecurityPolicy: { useDefaults: false, directives: { ...NOTHING, styleSrc: ["'self'"] } } };
  app.get("/docs", { ...text, helmet: styled }, async (_request, reply) => reply.type("text/html; charset=utf-8").send(page));
  app.get("/docs/style.css", text, async (_request, reply) => reply.type("text/css; charset=utf-8").send(STYLE));
};

function pageOf({ info, paths, components }: Document): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const sections = tags.map(
    (tag) => `<h2 id="${escaped(tag)}">${escaped(tag)}</h2>
${operations
  .filter(({ operation }) => operation.tags.includes(tag))
  .map(({ path, method, operation }) => describeOperation(method, path, operation, components.parameters))
  .join("\n")}`,
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) => `<details id="${escaped(name)}"><summary><code>${escaped(name)}</code></summary>${schemaOf(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(info.title)}: API</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<h1>${escaped(info.title)}: API ${escaped(info.version)}</h1>
<p>The same for programs: <a href="/api/v1/openapi.json">openapi.json</a>.</p>
<nav>${[...tags, "schemas"].map((tag) => `<a href="#${escaped(tag)}">${escaped(tag)}</a>`).join(" ")}</nav>
<main>
${sections.join("\n")}
<h2 id="schemas">schemas</h2>
${schemas.join("\n")}
</main>
</body>
</html>
`;
}

function describeOperation(method: string, path: string, operation: Operation, named: Readonly<Record<string, Parameter>>): string {
  const parameters = (operation.parameters ?? []).map(({ $ref, ...own }) => ($ref ? (named[lastOf($ref)] ?? {}) : own));
  const rows = parameters.map(
    (parameter) =>
      `<tr><td><code>${escaped(parameter.name ?? "")}</code></td><td>${escaped(parameter.in ?? "")}${parameter.required ? ", required" : ""}</td><td>${escaped(parameter.description ?? "")}</td><td>${schemaOf(parameter.schema)}</td></tr>`,
  );
  const responses = Object.entries(operation.responses).map(
    ([status, response]) =>
      `<tr><td>${escaped(status)}</td><td>${(response["x-error-codes"] ?? []).map((code) => `<code>${escaped(code)}</code>`).join(" ") || escaped(response.description)}</td><td>${bodyOf(response)}</td></tr>`,
  );
  return `<details id="${escaped(operation.operationId)}"><summary><b>${escaped(method)}</b> <code>${escaped(path)}</code> ${escaped(operation.summary)}</summary>
<p><code>${escaped(operation.operationId)}</code>, for <i>${escaped(operation["x-scope"])}</i>. ${escaped(operation.description ?? "")}</p>
${rows.length > 0 ? `<table>${rows.join("")}</table>` : ""}
${operation.requestBody ? `<p>Body: ${bodyOf(operation.requestBody)}</p>` : ""}
<table>${responses.join("")}</table>
</details>`;
}

function bodyOf({ content = {} }: Content): string {
  return Object.values(content)
    .map(({ schema }) => schemaOf(schema))
    .join(" ");
}

/** As JSON, with links where it refers to others. */
function schemaOf(schema: object = {}): string {
  const { $ref } = schema as Reference;
  if ($ref) {
    return `<a href="#${escaped(lastOf($ref))}">${escaped(lastOf($ref))}</a>`;
  }
  const json = escaped(JSON.stringify(schema, undefined, 2));
  return `<pre>${json.replaceAll(/#\/components\/schemas\/(\w+)/g, (_match, name: string) => `<a href="#${name}">${name}</a>`)}</pre>`;
}

function lastOf(ref: string): string {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

const STYLE = `:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
nav { display: flex; flex-wrap: wrap; gap: 1rem; }
details { border-bottom: 1px solid #8884; padding: .4rem 0; }
details[open] { padding-bottom: 1rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
td { border-top: 1px solid #8883; padding: .2rem .6rem .2rem 0; vertical-align: top; }
pre { margin: 0; overflow-x: auto; font-size: 13px; }
`;
