import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { afterEach } from "vitest";
import { type Route, routes } from "../../sdk/contract/index.ts";
import { openApiDocument } from "../../service/http/openapi.ts";

interface Described {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema: object }>>; "x-error-codes"?: string[] }>
  >;
}

const BASE = "/api/v1/";
const document = openApiDocument() as { paths: Readonly<Record<string, Readonly<Record<string, Described>>>> };
const templates = Object.entries(document.paths).map(
  ([path, methods]) => [new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`), methods] as const,
);
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(document, "api");
const validators = new Map<string, ValidateFunction>();

/** What of an answer is not as the OpenAPI document says. @param path of the request, without its query */
export async function faultOf(method: string, path: string, response: Response): Promise<string | undefined> {
  const operation = templates.find(([template]) => template.test(path))?.[1][method.toLowerCase()];
  const says = `${method} ${path} answers`;
  if (!operation) {
    const { code } = (await response.json().catch(() => ({}))) as { code?: string };
    return code === "route.not_found" ? undefined : `${says} ${response.status} ${code ?? ""}, and is not described`;
  }
  const described = operation.responses[response.status];
  if (!described) {
    return `${says} ${response.status}, which is not described: ${await response.text()}`;
  }
  const text = await response.text();
  const [[type = "", { schema }] = ["", { schema: {} }]] = Object.entries(described.content ?? {});
  if (!described.content) {
    return text === "" ? undefined : `${says} a body that is not described: ${text}`;
  }
  if (!response.headers.get("content-type")?.startsWith(type)) {
    return `${says} ${response.headers.get("content-type")} and not ${type}`;
  }
  const body = JSON.parse(text) as { code?: string };
  const codes = described["x-error-codes"];
  if (codes && !codes.includes(body.code ?? "")) {
    return `${says} the code ${body.code}, which is not one of ${codes.join(", ")}`;
  }
  const key = JSON.stringify(schema);
  const validate = validators.get(key) ?? ajv.compile(JSON.parse(key.replaceAll('"#/', '"api#/')));
  validators.set(key, validate);
  return validate(body) ? undefined : `${says} what is not its schema: ${ajv.errorsText(validate.errors)}: ${text.slice(0, 500)}`;
}

/** They may be hundreds of megabytes, and are read by who asked for them. */
const files = new Set(Object.entries(routes).flatMap(([id, route]: [string, Route]) => (route.answersFile ? [id] : [])));

function isFile(path: string): boolean {
  const operations = templates.filter(([template]) => template.test(path)).flatMap(([, methods]) => Object.values(methods));
  return operations.some(({ operationId }) => files.has(operationId));
}

/**
 * Holds every answer of a control plane to the document, whichever test asks for it and for whatever reason: a setup file of the projects with a service.
 * What is wrong fails the test that was running.
 */
export function holdAnswersToTheDocument(): void {
  const checks: Promise<string | undefined>[] = [];
  const bare = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const response = await bare(input, init);
    const { pathname } = new URL(input instanceof Request ? input.url : String(input));
    // Everything that a control plane answers names its request; what others answer in tests does not.
    if (pathname.startsWith(BASE) && pathname !== `${BASE}openapi.json` && response.headers.has("x-request-id") && !isFile(pathname)) {
      checks.push(faultOf(init?.method ?? "GET", pathname, response.clone()).catch(() => undefined));
    }
    return response;
  };
  afterEach(async () => {
    const faults = (await Promise.all(checks.splice(0))).filter((fault) => fault !== undefined);
    if (faults.length > 0) {
      throw new Error(`not as the OpenAPI document says:\n${faults.join("\n")}`);
    }
  });
}
