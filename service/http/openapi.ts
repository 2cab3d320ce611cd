import { z } from "zod";
import * as contract from "../../sdk/contract/index.ts";
import {
  type ErrorCode,
  errorCatalogue,
  errorCodesOf,
  isStateWrite,
  PreviewSchema,
  ProblemSchema,
  type Route,
  type RouteId,
  routes,
  type Stream,
  takesIfMatch,
  webSockets,
} from "../../sdk/contract/index.ts";

type Json = Record<string, unknown>;

const PROBLEM = "application/problem+json";
const STREAM_ERRORS: readonly ErrorCode[] = [
  "auth.forbidden",
  "auth.unauthenticated",
  "instance.not_found",
  "instance.not_running",
  "instance.unreachable",
  "request.invalid",
  "request.malformed",
  "request.rate_limited",
  "tenant.not_found",
  "tenant.required",
  "tenant.too_many_streams",
];

const POST_ERRORS: readonly ErrorCode[] = [...STREAM_ERRORS, "request.too_large", "request.unsupported_media_type"];
const EVENTS = { 200: { description: "The events.", content: { "text/event-stream": { schema: { type: "string" } } } } };

/** The contract as an OpenAPI 3.1 document: made from it alone, so that it can't say anything else than what is served. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const [id, route] of Object.entries(routes) as [RouteId, Route][]) {
    const path = pathOf(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describeRoute(id, route) };
  }
  for (const [name, stream] of Object.entries(webSockets) as [string, Stream][]) {
    const get = describeStream(name, stream);
    paths[pathOf(stream.path)] = { get, ...(stream.posts && { post: describePost(get, stream) }) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Open Cluster Claw",
      version: contract.API_VERSION,
      description: "Each code of a problem has a page of its own: docs/errors.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: [...new Set(Object.keys(routes).map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      parameters,
      headers,
      schemas: reachableSchemas(paths),
    },
  };
}

const parameters = {
  Tenant: headerParameter("X-Claw-Tenant", "The tenant to act in, by name or uid; credentials of one tenant need not name it."),
  IdempotencyKey: headerParameter("Idempotency-Key", "A request that is repeated with its key gets the first one's answer.", {
    minLength: 1,
    maxLength: 255,
  }),
  IfMatch: headerParameter("If-Match", "The ETag of the version that the write is made on, a list of them, or *."),
};

const headers = {
  ETag: {
    description: "The version of the declared state, to be sent back as If-Match. Status does not change it.",
    schema: { type: "string" },
  },
  RateLimit: {
    description:
      'What is left of each limit, and in how many seconds all of it is there again: `"read";r=2997;t=4, "tenant-read";r=5200;t=4`.',
    schema: { type: "string" },
  },
  "RateLimit-Policy": {
    description: 'The limits that the request counts for, in requests and seconds: `"read";q=3000;w=10, "tenant-read";q=6000;w=10`.',
    schema: { type: "string" },
  },
  "Retry-After": { description: "The seconds after which to come again.", schema: { type: "string" } },
  Warning: {
    description:
      'What is done all the same, and violates a policy that warns: `299 - "text"`, several with commas between, percent-encoded beyond ASCII.',
    schema: { type: "string" },
  },
  "X-Request-Id": { description: "The id under which the request is logged.", schema: { type: "string" } },
};

function headerParameter(name: string, description: string, limits: Json = {}): Json {
  return { name, in: "header", required: false, description, schema: { type: "string", ...limits } };
}

function describeRoute(id: RouteId, route: Route): Json {
  const headerNames = [
    ...(route.scope === "tenant" || route.scope === "authenticated" ? ["Tenant"] : []),
    ...(route.method === "GET" ? [] : ["IdempotencyKey"]),
    ...(takesIfMatch(route) ? ["IfMatch"] : []),
  ];
  return {
    operationId: id,
    summary: route.summary,
    tags: [tagOf(id)],
    "x-scope": route.scope,
    ...(route.scope === "public" && { security: [] }),
    parameters: [
      ...parametersOf(route.params, "path"),
      ...parametersOf(route.query, "query"),
      ...headerNames.map((name) => ({ $ref: `#/components/parameters/${name}` })),
    ],
    ...(route.body && { requestBody: { required: !route.body.safeParse(undefined).success, content: jsonOf(refTo(route.body, "input")) } }),
    responses: { ...answersOf(route), ...problemsOf(errorCodesOf(route)) },
  };
}

function describeStream(name: string, stream: Stream): Json {
  return {
    operationId: `instances.${name}Stream`,
    summary: stream.summary,
    description:
      "A WebSocket. The token goes in Authorization or, from browsers, in the subprotocol `bearer.<token>`. A stream that ends by an error is closed with the code 4000 + HTTP status and the reason `<error code>: <detail>`." +
      (stream.events
        ? " Without an upgrade it is server-sent events with the same items, whose ids are positions; one that ends by an error says so by an event `problem`."
        : ""),
    tags: ["instances"],
    "x-scope": "tenant",
    "x-websocket": {
      ...(stream.receives && { receives: refTo(stream.receives, "input") }),
      ...(stream.sends && { sends: refTo(stream.sends, "output") }),
    },
    parameters: [
      ...(stream.path.includes(":id") ? parametersOf(contract.idParams, "path") : []),
      ...parametersOf(stream.query, "query"),
      { $ref: "#/components/parameters/Tenant" },
    ],
    responses: {
      101: { description: "The stream is open." },
      ...(stream.events && EVENTS),
      ...problemsOf([...STREAM_ERRORS, ...(stream.errors ?? [])].sort()),
    },
  };
}

/** What may be posted to a stream instead of sent over it. */
function describePost(get: Json, { receives }: Stream): Json {
  const { "x-websocket": _socket, ...rest } = get;
  const { 101: _open, ...responses } = get["responses"] as Json;
  return {
    ...rest,
    operationId: `${get["operationId"]}Post`,
    description:
      "The same without a WebSocket: what is posted is answered by server-sent events, whose data are what the stream sends. One that ends by an error says so by an event `problem`.",
    ...(receives && { requestBody: { required: true, content: jsonOf(refTo(receives, "input")) } }),
    responses: { ...EVENTS, ...responses, ...problemsOf(POST_ERRORS) },
  };
}

/** Of a write that was asked for as a preview. */
const PREVIEW_STATUS = 200;

function answersOf(route: Route): Json {
  const own = route.response && refTo(route.response, "output");
  const preview = isStateWrite(route)
    ? { [PREVIEW_STATUS]: answer("The preview; nothing was changed.", refTo(PreviewSchema, "output")) }
    : {};
  const isSame = route.success === PREVIEW_STATUS && own !== undefined && isStateWrite(route);
  const body = isSame ? { oneOf: [own, refTo(PreviewSchema, "output")] } : own;
  const description = isSame ? "Done; with `preview`, the preview." : route.success === 202 ? "Accepted; reconciled next." : "Done.";
  return {
    ...preview,
    [route.success]: answer(description, body, [...(hasVersion(route.response) ? ["ETag"] : []), ...(mayWarn(route) ? ["Warning"] : [])]),
  };
}

function answer(description: string, schema: Json | undefined, more: readonly string[] = []): Json {
  const names = ["X-Request-Id", "RateLimit", "RateLimit-Policy", ...more];
  return {
    description,
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    ...(schema && { content: jsonOf(schema) }),
  };
}

/** Whether it is a write that policies judge. */
function mayWarn({ errors = [] }: Route): boolean {
  return errors.includes("policy.denied");
}

function hasVersion(schema: z.ZodType | undefined): boolean {
  return schema instanceof z.ZodObject && schema.shape["metadata"] === contract.MetadataSchema;
}

/** A response per status, with the codes that it may carry. */
function problemsOf(codes: readonly ErrorCode[]): Json {
  const byStatus = Object.groupBy(codes, (code) => errorCatalogue[code].status);
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, own = []]) => [
      status,
      {
        ...(status === "429" && { headers: { "Retry-After": { $ref: "#/components/headers/Retry-After" } } }),
        description: own.map((code) => `\`${code}\`: ${errorCatalogue[code].title}`).join("\n\n"),
        content: { [PROBLEM]: { schema: refTo(ProblemSchema, "output") } },
        "x-error-codes": own,
      },
    ]),
  );
}

function jsonOf(schema: Json): Json {
  return { "application/json": { schema } };
}

function pathOf(path: string): string {
  return `/api/v1${path.replaceAll(/:(\w+)/g, "{$1}")}`;
}

function tagOf(id: string): string {
  return id.slice(0, id.indexOf("."));
}

function parametersOf(schema: z.ZodObject | undefined, place: "path" | "query"): Json[] {
  if (!schema) {
    return [];
  }
  const { properties = {} } = z.toJSONSchema(schema, { ...rendering, io: "input" }) as { properties?: Record<string, Json> };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === "path",
    ...(description !== undefined && { description }),
    schema: rest,
  }));
}

type Direction = "input" | "output";

const SAME_BOTH_WAYS = /(Input|Request|Value|Key|Text|Kind|Name|Size)$/;
/** Every exported schema of the contract by its name: `ProjectSpecSchema` is the component `ProjectSpec` in answers, `ProjectSpecInput` in requests. */
const registries: Readonly<Record<Direction, z.core.$ZodRegistry<{ id: string }>>> = { input: z.registry(), output: z.registry() };
for (const [name, value] of Object.entries(contract)) {
  if (name.endsWith("Schema") && value instanceof z.ZodType) {
    const id = name.slice(0, -"Schema".length);
    registries.output.add(value, { id });
    if (!(`${id}InputSchema` in contract)) {
      registries.input.add(value, { id: SAME_BOTH_WAYS.test(id) ? id : `${id}Input` });
    }
  }
}

const rendering = {
  unrepresentable: "any",
  uri: (id: string) => `#/components/schemas/${id}`,
  override: ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.format !== undefined) {
      delete jsonSchema.pattern;
    }
    if (jsonSchema.type === "integer" && jsonSchema.minimum === Number.MIN_SAFE_INTEGER) {
      delete jsonSchema.minimum;
    }
    if (jsonSchema.type === "integer" && jsonSchema.maximum === Number.MAX_SAFE_INTEGER) {
      delete jsonSchema.maximum;
    }
    // A text of a query that stands for true or false.
    if (zodSchema instanceof z.ZodCodec && zodSchema.out instanceof z.ZodBoolean) {
      jsonSchema.type = "boolean";
    }
  },
} as const;

/** @throws when the contract has no name for it: components are named, never inlined */
function refTo(schema: z.ZodType, direction: Direction): Json {
  const named = schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault ? (schema.unwrap() as z.ZodType) : schema;
  const entry = registries[direction].get(named);
  if (!entry) {
    throw new Error("a body or an answer of a route is not a named schema of the contract: export it as '…Schema'");
  }
  return { $ref: rendering.uri(entry.id) };
}

/** The component schemas that the paths refer to, directly or through others. */
function reachableSchemas(paths: Json): Json {
  const all: Record<string, Json> = {};
  for (const io of ["output", "input"] as const) {
    for (const [id, { $schema: _, $id: __, ...schema }] of Object.entries(z.toJSONSchema(registries[io], { ...rendering, io }).schemas)) {
      // Answers may come to have more; requests may not.
      all[id] = io === "output" ? withoutClosing(schema) : schema;
    }
  }
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, id = ""] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"#/]+)"/g)) {
      if (!found.has(id)) {
        found.add(id);
        visit(all[id]);
      }
    }
  };
  visit(paths);
  return Object.fromEntries([...found].sort().map((id) => [id, all[id]]));
}

function withoutClosing<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value) => (key === "additionalProperties" && value === false ? undefined : value)) as T;
}
