import { describe, it } from "vitest";
import { redact } from "../../../sdk/contract/index.ts";
import { parseKubeconfig } from "../../../service/domain/clusters/kubeconfig.ts";
import { withCondition } from "../../../service/domain/instances/conditions.ts";

const SECRET = "hunter2-is-not-a-good-key";

describe("what others say, as it is passed on", () => {
  it.for([
    { from: "a driver", text: `connect postgres://claw:${SECRET}@127.0.0.1:5432/claw refused` },
    { from: "a driver, of a password with an @", text: `connect postgres://claw:a@${SECRET}@127.0.0.1:5432/claw refused` },
    { from: "npm", text: `npm error //registry.example/:_authToken=${SECRET} is not allowed` },
    { from: "npm, of a URL", text: `npm error 401 https://${SECRET}@registry.example/@scope/name` },
    { from: "an engine", text: `config: {"apiKey": "${SECRET}", "region": "eu"}` },
    { from: "an engine that logs JSON in JSON", text: `{"msg":"{\\"client_secret\\":\\"${SECRET}\\"}"}` },
    { from: "a server", text: `GET /v1?api_key=${SECRET}&page=1 failed` },
    { from: "a proxy", text: `> Authorization: Bearer ${SECRET}` },
    { from: "this service", text: `the session clawr_ses_1CtX9u2PZvmMQxvHs3hZ7W_0_${SECRET}-and-much-more is over` },
    { from: "Telegram's client", text: `https://api.telegram.org/bot100200300:A${SECRET}-and-more/getMe failed` },
    { from: "a parser", text: `bad indentation of a mapping at line 3:\n    token: ${SECRET}\n    ^` },
  ])("says nothing of a secret: $from", ({ text }, { expect }) => {
    expect(redact(text)).not.toContain("hunter2");
    const condition = { type: "Ready", status: "False", reason: "Failed", message: text } as const;
    expect(JSON.stringify(withCondition([], condition, ""))).not.toContain("hunter2");
  });

  it.for([
    "https://registry.example/@scope/name answered 404",
    "gateway.auth.token: is required; set it to ${OPENCLAW_GATEWAY_TOKEN}",
    "a secret must be a text; password: give one in quotes",
    "the secret was encrypted with master key '0a1b2c3d', which is not known",
  ])("stays as it is where there is none: %s", (text, { expect }) => {
    expect(redact(text)).toBe(text);
  });
});

describe("a text of whoever wants to keep the service busy", () => {
  // Where the time goes with the square of the length this takes minutes.
  it.for([
    "a",
    "token",
    "secret=",
    "-eyJaaaaaaaa",
    "eyJaaaaaaaa.",
    "a://",
    "a://b@",
    "Bearer ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A",
    "token: ",
    "12345:",
    "claw_",
  ])("takes no longer than it is: %s", (piece, { expect }) => {
    const text = piece.repeat(Math.ceil(400_000 / piece.length));
    const began = performance.now();
    redact(text);
    redact(`${text} `);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe("a kubeconfig that is none", () => {
  it.for([
    `users:\n- name: a\n  user: {token: "${SECRET}`,
    `clusters: []\nusers:\n  - token: ${SECRET}\n bad`,
    `token: ${SECRET}: more: of it`,
    `*${SECRET}`,
    SECRET,
    `clusters: ${SECRET}`,
  ])("is refused without a word of it: %#", (text, { expect }) => {
    expect(() => parseKubeconfig(text)).toThrow(/^is not/);
    expect(() => parseKubeconfig(text)).not.toThrow(/hunter2/);
  });
});
