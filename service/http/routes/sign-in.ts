import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { ClawError, LocalPathSchema } from "../../../sdk/contract/index.ts";
import type { Access } from "../../application/access/authenticate.ts";
import type { Newcomer, OpenedSession, SignInLink } from "../../application/access/sessions.ts";
import type { BrowserSignIn, PendingSignIn } from "../../application/ports/access/browser-sign-in.ts";
import type { SecretCipher } from "../../application/ports/secrets/secret-cipher.ts";
import { type Actor, isReserved } from "../../domain/access/actor.ts";
import { escaped } from "../html.ts";
import { NOTHING } from "../plugins/browser-rules.ts";
import { isOwnPage, originOf } from "../plugins/identity.ts";
import { assertConfidential, forgetSession, keepSession, sessionKeyOf } from "../session-cookie.ts";

export interface SignInOptions {
  readonly access: Pick<Access, "authenticate">;
  readonly browser: BrowserSignIn;
  /** Opens a browser's session. */
  readonly open: (newcomer: Newcomer) => Promise<OpenedSession>;
  readonly end: (actor: Actor, id: string) => Promise<undefined>;
  /** Makes a link that signs one browser in. */
  readonly link: (newcomer: Newcomer) => Promise<SignInLink>;
  /** Opens the session that a link stands for. */
  readonly enter: (ticket: string, from: Actor["from"]) => Promise<OpenedSession>;
  readonly cipher: SecretCipher;
}

const PAGE = "/auth/sign-in";
const CALLBACK = "/auth/callback";
/** Kept by the browser while it is at the provider. Lax: it comes back by a link of another site's. */
const PENDING = "claw-sign-in";
/** Over TLS by a name that no other host can set: a page of a subdomain would sign people in as somebody else. */
const SECURE_PENDING = `__Host-${PENDING}`;
const PENDING_SECONDS = 600;
/** The console's own page, which takes the ticket out of its address. */
const ENTRANCE = "/sign-in#ticket=";
const EnterSchema = z.strictObject({ ticket: z.string().max(128) });
const BeginSchema = z.strictObject({ provider: z.string().max(64).optional(), return: LocalPathSchema.optional() });
const PendingSchema = z.object({
  place: z.string(),
  redirectUri: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  to: LocalPathSchema,
  until: z.number(),
});

/** How people sign in with a browser, and out: pages without scripts, and a cookie that no script can read. */
export const signIn: FastifyPluginAsync<SignInOptions> = async (app, options) => {
  const html = { config: { scope: "public" }, serializerCompiler: () => String, helmet: styled } as const;
  // A form without fields is sent as one all the same.
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string", bodyLimit: 1024 }, (_request, _body, done) => {
    done(null, undefined);
  });

  app.get(PAGE, { ...html, schema: { querystring: BeginSchema } }, async (request, reply) => {
    const { provider, return: to = PAGE } = request.query as z.output<typeof BeginSchema>;
    if (provider === undefined) {
      const known = await options.access.authenticate(sessionKeyOf(request) ?? "", undefined);
      return sendPage(reply, known ? signedInPage(known.actor) : choicePage(options.browser, to));
    }
    assertConfidential(request);
    const begun = await options.browser.begin(provider, `${baseOf(request)}${CALLBACK}`);
    if (!begun) {
      throw new ClawError("route.not_found", `nobody signs in at '${provider}' here; ${PAGE} lists where one can`);
    }
    const kept = { ...begun.pending, to, until: Date.now() + PENDING_SECONDS * 1000 };
    reply.setCookie(pendingName(request), options.cipher.encrypt(JSON.stringify(kept)), {
      ...pendingCookie(request),
      maxAge: PENDING_SECONDS,
    });
    return reply.redirect(begun.url, 303);
  });

  app.get(CALLBACK, html, async (request, reply) => {
    const pending = pendingOf(request, options.cipher);
    // Good for one attempt, whatever comes of it.
    reply.clearCookie(pendingName(request), pendingCookie(request));
    if (!pending) {
      return sendPage(reply.code(400), failurePage("This sign-in was not begun in this browser, or longer ago than ten minutes."));
    }
    assertConfidential(request);
    const identity = await options.browser.complete(pending, new URL(request.url, pending.redirectUri));
    if (!identity || isReserved(identity.name)) {
      request.log.warn({ place: pending.place }, "a sign-in at an identity provider failed");
      // The provider is asked for each code that is made up: whoever does that is held up as those who try tokens are.
      request.counted = false;
      return sendPage(reply.code(403), failurePage("The identity provider did not let you in, or says not who you are."));
    }
    const { issuer, name, groups } = identity;
    // The provider's own word is for an hour or less; the session is as long as a working day.
    const credential = { kind: "identity" as const, issuer, until: undefined };
    const { key, session } = await options.open({ subject: name, groups, credential, from: originOf(request) });
    keepSession(request, reply, key, session.expiresAt);
    return reply.redirect(pending.to, 303);
  });

  app.post("/auth/session", { config: { scope: "authenticated" } }, async (request, reply) => {
    assertConfidential(request);
    const { key, session } = await options.open(request.actor);
    keepSession(request, reply, key, session.expiresAt);
    return reply.code(204).send();
  });

  app.post("/auth/links", { config: { scope: "authenticated" } }, async (request, reply) => {
    assertConfidential(request);
    const { ticket, expiresAt } = await options.link(request.actor);
    // Behind the `#`: it is sent nowhere, and no log has it.
    return reply.code(201).send({ url: `${baseOf(request)}${ENTRANCE}${ticket}`, expiresAt });
  });

  app.post("/auth/links/enter", { config: { scope: "public" }, schema: { body: EnterSchema } }, async (request, reply) => {
    assertConfidential(request);
    // Else another site could sign somebody in as somebody else.
    if (!isOwnPage(request)) {
      throw new ClawError("auth.forbidden", "a link is taken from this service's own page alone: open it in a browser");
    }
    const { ticket } = request.body as z.output<typeof EnterSchema>;
    const { key, session } = await options.enter(ticket, originOf(request));
    keepSession(request, reply, key, session.expiresAt);
    return reply.code(204).send();
  });

  app.post("/auth/sign-out", { config: { scope: "authenticated" } }, async (request, reply) => {
    const { credential } = request.actor;
    if (credential?.kind === "session") {
      await options.end(request.actor, credential.id);
    }
    forgetSession(request, reply);
    return reply.redirect(PAGE, 303);
  });
};

function baseOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}

function pendingName({ protocol }: FastifyRequest): string {
  return protocol === "https" ? SECURE_PENDING : PENDING;
}

function pendingCookie({ protocol }: FastifyRequest) {
  return { httpOnly: true, path: "/", sameSite: "lax", secure: protocol === "https" } as const;
}

function pendingOf(request: FastifyRequest, cipher: SecretCipher): (PendingSignIn & { readonly to: string }) | undefined {
  try {
    const kept = PendingSchema.parse(JSON.parse(cipher.decrypt(request.cookies[pendingName(request)] ?? "")));
    return kept.until > Date.now() ? kept : undefined;
  } catch {
    return undefined;
  }
}

const styled = {
  contentSecurityPolicy: { useDefaults: false, directives: { ...NOTHING, styleSrc: ["'self'"], formAction: ["'self'"] } },
};

function sendPage(reply: FastifyReply, content: string): FastifyReply {
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Open Cluster Claw: sign in</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<h1>Open Cluster Claw</h1>
${content}
</body>
</html>
`;
  return reply.header("cache-control", "no-store").type("text/html; charset=utf-8").send(page);
}

function choicePage(browser: BrowserSignIn, to: string): string {
  const links = browser.places.map(({ name, label }) => {
    const query = new URLSearchParams({ provider: name, ...(to !== PAGE && { return: to }) });
    return `<li><a href="${PAGE}?${escaped(query.toString())}">Sign in with ${escaped(label)}</a></li>`;
  });
  return links.length > 0
    ? `<ul>${links.join("")}</ul>`
    : "<p>No identity provider is set here: <code>claw login --token</code> takes a token.</p>";
}

function signedInPage({ subject }: Actor): string {
  return `<p>You are signed in as <b>${escaped(subject)}</b>.</p>
<form method="post" action="/auth/sign-out"><button>Sign out</button></form>`;
}

function failurePage(message: string): string {
  return `<p>${escaped(message)}</p><p><a href="${PAGE}">Sign in again</a></p>`;
}
