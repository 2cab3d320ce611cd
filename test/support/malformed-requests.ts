// One file: all that can be wrong with a request, which reads as one list.
import { gzipSync } from "node:zlib";

/** A request as its bytes go over a connection, and what was done to it. */
export interface Malformed {
  readonly how: string;
  readonly bytes: Buffer;
  /** Whether it says where it ends, and that the connection is to end with its answer. */
  readonly isWhole: boolean;
}

/** An operation of the OpenAPI document. */
export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly queries: readonly string[];
  /** A body that it takes. */
  readonly body?: unknown;
  /** A name that there is. */
  readonly name: string;
  /** Whether a request that comes through would take something away from those that come after it. */
  readonly isHarmful: boolean;
}

export interface Callers {
  /** Of those who may do everything. */
  readonly mighty: readonly string[];
  /** Of those who may change nothing, and of nobody. */
  readonly weak: readonly string[];
  readonly tenant: string;
}

/** A request that is right, before something is done to it. */
interface Draft {
  method: string;
  target: string;
  headers: [string, string][];
  body: Buffer | undefined;
}

/** What is random of a request, by a seed: the same seed makes the same requests. */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  /** Below a number: mulberry32. */
  below(max: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * max);
  }
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const TRAVERSALS = [
  "..",
  "../../../../etc/passwd",
  "..%2f..%2f..%2fetc%2fpasswd",
  "%2e%2e%2f%2e%2e%2faccess.json",
  "..%252f..%252fmaster.key",
  "..%5c..%5cmaster.key",
  "%c0%ae%c0%ae%c0%af",
  "....//....//proc/self/environ",
  "%00",
  "name%00.json",
  "%",
  "%zz",
  "%ff%fe",
  "%ed%a0%80",
  "%0d%0aset-cookie:%20a=b",
  "%F0%9F%92%A9",
  "%E2%80%AE%E2%80%8B",
  "'%20or%201=1;--",
  "%24%7Bjndi:ldap://127.0.0.1/x%7D",
  "{{7*7}}",
  ";a=b",
  "*",
  "__proto__",
  "constructor",
  "toString",
  "-1",
  "%20",
  "a".repeat(3000),
  "%61".repeat(1500),
  "x/".repeat(200),
];
const NUMBERS = [
  "-1",
  "-0",
  "0",
  "1e400",
  "-1e400",
  "9007199254740993",
  "1e-400",
  "2147483648",
  "0.30000000000000004",
  "1E+2",
  "9".repeat(400),
];
const NOT_JSON = ["NaN", "Infinity", "undefined", "01", "+1", "0x10", "'a'", "", "/**/1", "1,", '"\\x"', '"\t"', '"\\u12"'];
const TEXTS = [
  "\0",
  "a\0b",
  "\ud800",
  "\udfff\ud800",
  "\u202e\u200b\ufeff",
  "e\u0301".repeat(300),
  "ﷺ".repeat(500),
  "İıſK",
  "../../etc/passwd",
  "'; drop table instances; --",
  "${jndi:ldap://127.0.0.1/x}",
  "{{constructor.constructor('return process')()}}",
  "$(id)`id`",
  "<script>alert(1)</script>",
  "\r\nx-injected: 1",
  "\u001b[31m",
  "=cmd|'/c calc'!A1",
  "(a+)+$".repeat(20),
  "a".repeat(50_000),
  "",
  " ",
];
const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "$sealed",
  "$ref",
  "",
  "a".repeat(2000),
  "\u0000",
  "valueOf",
];

/** Where a value stands: what holds it, and by which key. */
type Place = readonly [holder: Record<string, unknown>, key: string];

function placesOf(value: unknown, found: Place[] = []): Place[] {
  for (const key of typeof value === "object" && value !== null ? Object.keys(value) : []) {
    const holder = value as Record<string, unknown>;
    found.push([holder, key]);
    placesOf(holder[key], found);
  }
  return found;
}

/** A text that stands in JSON for what JSON can't hold, or what `JSON.stringify` would mend. */
const RAW = "\ue000raw\ue000";

/** A body with something wrong in one place of it. @param put what stands there then: raw JSON, or what may be none */
function bodyWith(dice: Dice, body: unknown, put: (former: unknown) => string): Buffer {
  const copy = structuredClone(body ?? {});
  const places = placesOf(copy);
  if (places.length === 0) {
    return Buffer.from(put(copy));
  }
  const [holder, key] = dice.of(places);
  const raw = put(holder[key]);
  holder[key] = RAW;
  return Buffer.from(JSON.stringify(copy).replace(JSON.stringify(RAW), () => raw));
}

type Damage = (draft: Draft, dice: Dice, operation: Operation) => void;

const setHeader = (draft: Draft, name: string, value: string) => {
  draft.headers = [...draft.headers.filter(([key]) => key !== name), [name, value]];
};
const bodyOf = (operation: Operation) => operation.body ?? { metadata: { name: "x", labels: { a: "b" } }, spec: { n: 1 } };
const nested = (dice: Dice, depth: number) => {
  const [open, close] = dice.of([
    ["[", "]"],
    ['{"a":', "}"],
  ] as const);
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
};

/** What is done to the body of a request that would be right. */
const BODY_DAMAGES: Readonly<Record<string, Damage>> = {
  "another type": (draft, dice, operation) => {
    const junk = ["null", "true", "[]", "{}", '"text"', "0", '[[{"a":[]}]]', '{"$sealed":"claw1.00000000.AAAA"}', '"********"'];
    draft.body = bodyWith(dice, bodyOf(operation), () => dice.of(junk));
  },
  "a number out of bounds": (draft, dice, operation) => {
    draft.body = bodyWith(dice, bodyOf(operation), () => dice.of(NUMBERS));
  },
  "no JSON": (draft, dice, operation) => {
    draft.body = bodyWith(dice, bodyOf(operation), () => dice.of(NOT_JSON));
  },
  "text that is none": (draft, dice, operation) => {
    draft.body = bodyWith(dice, bodyOf(operation), () => JSON.stringify(dice.of(TEXTS)));
  },
  "a secret in a wrong place": (draft, dice, operation) => {
    draft.body = bodyWith(dice, bodyOf(operation), () => `{"apiKey":"${SENT_SECRET}","list":[{"password":"${SENT_SECRET}"}]}`);
  },
  depth: (draft, dice, operation) => {
    draft.body = bodyWith(dice, bodyOf(operation), () => nested(dice, dice.of([150, 250, 5_000, 60_000])));
  },
  width: (draft, dice, operation) => {
    const many = dice.of([3_000, 30_000]);
    const items = Array.from({ length: many }, (_, index) => index);
    const wide = dice.of([
      () => JSON.stringify(items),
      () => JSON.stringify(Object.fromEntries(items.map((item) => [`k${item}`, item]))),
      () => JSON.stringify("x".repeat(many * 30)),
    ]);
    // Most time goes into sending it.
    draft.body = dice.below(4) === 0 ? bodyWith(dice, bodyOf(operation), wide) : bodyWith(dice, bodyOf(operation), () => '[1,"",null]');
  },
  "keys of other sorts": (draft, dice, operation) => {
    const key = JSON.stringify(dice.of(KEYS));
    draft.body = bodyWith(dice, bodyOf(operation), (former) => `{${key}:${JSON.stringify(former ?? null)},${key}:{"isAdmin":true}}`);
  },
  "a key twice": (draft, dice, operation) => {
    const text = JSON.stringify(bodyOf(operation));
    draft.body = Buffer.from(
      dice.of([`{"metadata":{"name":"other"},${text.slice(1)}`, `${text.slice(0, -1)},"spec":null}`, `${text}${text}`]),
    );
  },
  "another encoding": (draft, dice, operation) => {
    const text = JSON.stringify(bodyOf(operation));
    draft.body = dice.of([
      () => Buffer.from(text, "utf16le"),
      () => Buffer.from(`\ufeff${text}`),
      () => Buffer.concat([Buffer.from(text.slice(0, 5)), Buffer.from([0xff, 0xc0, 0xaf, 0xed, 0xa0, 0x80]), Buffer.from(text.slice(5))]),
      () => bodyWith(dice, bodyOf(operation), () => '"\\ud83d"'),
      () => dice.bytes(200),
      () => Buffer.alloc(100),
    ])();
  },
  "what is said to be packed": (draft, dice, operation) => {
    const packed = gzipSync(dice.of([JSON.stringify(bodyOf(operation)), "0".repeat(200_000)]));
    draft.body = dice.of([packed, packed.subarray(0, 12), Buffer.from("{}")]);
    setHeader(draft, "content-encoding", dice.of(["gzip", "br", "deflate", "identity, gzip", "zstd", "x"]));
  },
  "another media type": (draft, dice, operation) => {
    const types = ["text/xml", "multipart/form-data", 'multipart/form-data; boundary="', "application/x-www-form-urlencoded", "text/plain"];
    const odd = [
      "application/json; charset=utf-16",
      "application/json;;;",
      "application/JSON5",
      "*/*",
      "a".repeat(4000),
      'application/json\t; a="\\"',
    ];
    draft.body = Buffer.from(JSON.stringify(bodyOf(operation)));
    setHeader(draft, "content-type", dice.of([...types, ...odd]));
  },
  "half a body": (draft, dice, operation) => {
    const text = Buffer.from(JSON.stringify(bodyOf(operation)));
    draft.body = text.subarray(0, dice.below(text.length));
  },
};

/** What is done to the rest of one. */
const DAMAGES: Readonly<Record<string, Damage>> = {
  "another name": (draft, dice, operation) => {
    const name = dice.of(TRAVERSALS);
    draft.target =
      draft.target.includes(operation.name) && operation.path.includes("{")
        ? `/api/v1${operation.path.replace(/\{\w+\}/, () => name)}`
        : `${draft.target.split("?")[0]}/${name}`;
  },
  "a query of other sorts": (draft, dice, operation) => {
    const keys = [...operation.queries, "limit", "cursor", "labelSelector", "fieldSelector", "__proto__", "a[b]", "x", ""];
    const values = [
      ...NUMBERS,
      "",
      "%00",
      "%ff",
      "%",
      "a,b,,",
      "!a",
      "a in (b",
      "metadata.name=x,",
      "a".repeat(2_000),
      "%F0%9F%92%A9",
      "true",
      "../",
    ];
    const terms = Array.from({ length: 1 + dice.below(4) }, () => `${dice.of(keys)}=${dice.of(values)}`);
    draft.target = `${draft.target}?${terms.join(dice.of(["&", ";", "&&", "&?"]))}`;
  },
  "headers of other sorts": (draft, dice) => {
    const junk = dice.of([
      "\u00ff\u00fe",
      "\t",
      ",,,",
      '"',
      "a".repeat(3_000),
      'W/"',
      "*",
      "%00",
      "-1",
      "0",
      "..",
      "null",
      "{}",
      "=?utf-8?q?=00?=",
    ]);
    const names = ["x-claw-tenant", "idempotency-key", "if-match", "accept", "accept-encoding", "range", "origin", "cookie", "forwarded"];
    const others = [
      "x-http-method-override",
      "x-forwarded-for",
      "x-request-id",
      "te",
      "traceparent",
      "host",
      "via",
      "referer",
      "x-original-url",
    ];
    const name = dice.of([...names, ...others]);
    setHeader(draft, name, junk);
    if (dice.below(3) === 0) {
      draft.headers.push([name, dice.of(["second", ""])]);
    }
  },
  "more headers than are read": (draft, dice) => {
    const count = dice.of([120, 900]);
    draft.headers.push(...Array.from({ length: count }, (_, index): [string, string] => [`x-${index}`, "y".repeat(dice.of([1, 16]))]));
  },
  "a credential that is none": (draft, dice) => {
    const tokens = [
      "Bearer",
      "Bearer ",
      "bearer \u00ff",
      "Basic Og==",
      "Bearer a b c",
      `Bearer ${"x".repeat(5_000)}`,
      'Digest username="a"',
      "Bearer null",
    ];
    const formed = [
      "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
      "Bearer claw_00000000000000000000",
      "Bearer ../../access.json",
      "Bearer %00",
    ];
    setHeader(draft, "authorization", dice.of([...tokens, ...formed]));
  },
  "another method": (draft, dice) => {
    draft.method = dice.of([
      "TRACE",
      "OPTIONS",
      "PATCH",
      "HEAD",
      "PROPFIND",
      "LINK",
      "PURGE",
      "SEARCH",
      "QUERY",
      "get",
      "G\u00ffT",
      "MKCOL",
    ]);
  },
  "a path of other sorts": (draft, dice) => {
    const { target } = draft;
    const absolute = [
      "http://169.254.169.254/latest/meta-data",
      "file:///etc/passwd",
      "//example.com/x",
      "*",
      "?",
      "#",
      "\\",
      "/api/v1/%2e%2e/metrics",
    ];
    const changed = [
      target.toUpperCase(),
      `${target}/`,
      `/${target}`,
      target.replace("v1", "v0"),
      `${target}%`,
      `${target}\\..`,
      `${target};x`,
      `${target}#x`,
    ];
    draft.target = dice.of([...absolute, ...changed, `${target}/..;/`, target.replaceAll("/", "//"), target.replaceAll("/", "%2f")]);
  },
};

/** What is sent in requests and stored by none that is refused: no answer may quote it. */
export const SENT_SECRET = "sent-7f1e-hunter2";

/** Bytes that come instead of a request, or beside one. */
const RAW_BYTES: readonly ((dice: Dice, bytes: Buffer) => Buffer)[] = [
  (dice) => dice.bytes(1 + dice.below(300)),
  () => Buffer.from("1603010200010001fc0303", "hex"),
  () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  () => Buffer.from("GET /\r\n\r\n"),
  () => Buffer.from("GET / HTTP/9.9\r\n\r\n"),
  () => Buffer.from("\r\n".repeat(50)),
  (dice, bytes) => bytes.subarray(0, dice.below(bytes.length)),
  (_, bytes) => Buffer.from(bytes.toString("latin1").replaceAll("\r\n", "\n"), "latin1"),
  (_, bytes) => headed(bytes, "content-length: 5\r\ntransfer-encoding: chunked\r\n"),
  (_, bytes) => headed(bytes, "content-length: 5\r\ncontent-length: 6\r\n"),
  (_, bytes) => headed(bytes, "content-length: -1\r\n"),
  (_, bytes) => headed(bytes, "content-length: 99999999999999999999\r\n"),
  (_, bytes) => headed(bytes, "transfer-encoding: chunked, identity\r\n"),
  (_, bytes) => headed(bytes, "x-folded: a\r\n b\r\n"),
  (_, bytes) => headed(bytes, "no colon\r\n"),
  (_, bytes) => headed(bytes, "bad name\u0000: x\r\n"),
  (_, bytes) => headed(bytes, `x-large: ${"y".repeat(20_000)}\r\n`),
  (_, bytes) => headed(bytes, "expect: 100-continue\r\nexpect: nothing\r\n"),
  (_, bytes) => headed(bytes, "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\nsec-websocket-version: 99\r\n"),
  (_, bytes) => headed(bytes, "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
  () => Buffer.from("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nx"),
  () => Buffer.from("POST /api/v1/projects HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n"),
  () =>
    Buffer.from(`POST /api/v1/projects HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;${"e".repeat(30_000)}\r\nx\r\n0\r\n\r\n`),
  () => Buffer.from("CONNECT 169.254.169.254:80 HTTP/1.1\r\nhost: 169.254.169.254\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/1.1\r\n\r\n"),
  () => Buffer.from("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
  () => Buffer.from(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`),
];

/** With more headers behind the request line. */
function headed(bytes: Buffer, headers: string): Buffer {
  const end = bytes.indexOf("\r\n") + 2;
  return Buffer.concat([bytes.subarray(0, end), Buffer.from(headers, "latin1"), bytes.subarray(end)]);
}

/** As many requests as are wished, each with something wrong, of all operations in turn. */
export function* malformedRequests(seed: number, count: number, operations: readonly Operation[], callers: Callers): Generator<Malformed> {
  const dice = new Dice(seed);
  const bodyDamages = Object.entries(BODY_DAMAGES);
  const damages = Object.entries(DAMAGES);
  for (let index = 0; index < count; index++) {
    const operation = operations[index % operations.length] as Operation;
    const draft = draftOf(dice, operation, callers);
    const name = `${index} ${operation.id}`;
    if (dice.below(12) === 0) {
      const raw = dice.below(RAW_BYTES.length);
      yield { how: `${name}: raw bytes ${raw}`, isWhole: false, bytes: RAW_BYTES[raw]?.(dice, bytesOf(draft)) ?? Buffer.alloc(0) };
      continue;
    }
    // A body where none is taken is looked at by few.
    const isOfBody = dice.below(10) < (operation.body === undefined ? 1 : 6);
    const [how, damage] = dice.of(isOfBody ? bodyDamages : damages);
    damage(draft, dice, operation);
    yield { how: `${name}: ${how}`, isWhole: true, bytes: bytesOf(draft) };
  }
}

function draftOf(dice: Dice, operation: Operation, { mighty, weak, tenant }: Callers): Draft {
  const isMighty = dice.below(10) > 0;
  // Whoever may do everything means something that there is not, where it would be lost.
  const name = operation.isHarmful && isMighty ? "absent" : operation.name;
  return {
    method: operation.method,
    target: `/api/v1${operation.path.replace(/\{\w+\}/, name)}`,
    headers: [
      ["host", "control-plane.example"],
      ["connection", "close"],
      ["authorization", `Bearer ${dice.of(isMighty ? mighty : weak)}`],
      ["x-claw-tenant", tenant],
      ["content-type", "application/json"],
    ],
    body: operation.body === undefined ? undefined : Buffer.from(JSON.stringify(operation.body)),
  };
}

function bytesOf({ method, target, headers, body }: Draft): Buffer {
  const length: [string, string][] = body === undefined ? [] : [["content-length", String(body.length)]];
  const lines = [`${method} ${target} HTTP/1.1`, ...[...headers, ...length].map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body ?? Buffer.alloc(0)]);
}
