import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { DisplayNameSchema, type Issue, issuesOf, NameSchema, type SignInProvider } from "../../sdk/contract/index.ts";

/** Asymmetric ones: what verifies a token must not be able to make one. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const;

const ClaimSchema = z
  .string()
  .max(128)
  .regex(/^[^\s.]+(\.[^\s.]+)*$/, "not a claim's name, or a path of names such as 'realm_access.roles'");

/** Keys are fetched in clear from this machine alone. */
const AddressSchema = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine(isConfidential, "an address that begins with https://");

function isConfidential(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

/** As an address or a form holds it: printable, without blanks. */
const ClientIdSchema = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[\x21-\x7e]+$/, "printable ASCII without blanks");

/** RFC 6749's `scope-token`. `openid` is what makes a provider give an ID token. */
const ScopesSchema = z
  .array(
    z
      .string()
      .max(128)
      .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "not a scope's name"),
  )
  .min(1)
  .max(32)
  .refine((scopes) => scopes.includes("openid"), "has no 'openid'")
  .default(["openid", "profile", "email", "offline_access"]);

/** A secret is read from a file of its own: this one may be shown. */
const BrowserClientSchema = z
  .strictObject({
    clientId: ClientIdSchema,
    /** Holds the client's secret. A public client has none. */
    clientSecretFile: z.string().max(4096).refine(isAbsolute, "an absolute path").optional(),
  })
  .transform(({ clientId, clientSecretFile }, ctx) => {
    if (clientSecretFile === undefined) {
      return { clientId };
    }
    const { secret, message } = readSecret(clientSecretFile);
    if (message !== undefined) {
      ctx.addIssue({ code: "custom", path: ["clientSecretFile"], message });
      return z.NEVER;
    }
    return { clientId, clientSecret: secret };
  });

function readSecret(path: string): { readonly secret: string; readonly message?: string } {
  try {
    const secret = readFileSync(path, "utf8").trim();
    return { secret, ...(secret === "" && { message: "names an empty file" }) };
  } catch (error) {
    return { secret: "", message: `names a file that can't be read (${(error as NodeJS.ErrnoException).code})` };
  }
}

/** How people sign in at a provider: each way is a client that is registered there. */
const SignInSchema = z
  .strictObject({
    /** What it is called in commands and addresses. */
    name: NameSchema,
    /** What people read where they choose. @default the name */
    label: DisplayNameSchema.min(1).optional(),
    scopes: ScopesSchema,
    /** `claw login`: a public client that may redirect to any port of `http://127.0.0.1/`. */
    cli: z.strictObject({ clientId: ClientIdSchema }).optional(),
    /** Browsers, by this service. */
    browser: BrowserClientSchema.optional(),
  })
  .refine(({ cli, browser }) => cli !== undefined || browser !== undefined, "has neither `cli` nor `browser`");

const IssuerSchema = z.strictObject({
  /** As the tokens' `iss` has it. */
  issuer: AddressSchema,
  /** One of these is among the tokens' `aud`. */
  audiences: z.array(z.string().min(1).max(512)).min(1).max(16),
  /** The claim that names people. One of `email` counts only where the provider says that it is verified. */
  usernameClaim: ClaimSchema.default("sub"),
  /** The claim that lists groups. */
  groupsClaim: ClaimSchema.default("groups"),
  /** What comes before the names of its people and groups here: `okta:alice`. */
  prefix: z
    .string()
    .max(64)
    .regex(/^[^\s/]*$/, "without blanks and '/'")
    .default(""),
  /** Where its keys are; what its discovery document says when absent. */
  jwksUri: AddressSchema.optional(),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(["RS256", "PS256", "ES256", "EdDSA"]),
  /** Nobody signs in there by this service or `claw login` when absent: tokens come from elsewhere. */
  signIn: SignInSchema.optional(),
});
export type Issuer = z.infer<typeof IssuerSchema>;

const IssuersSchema = z.strictObject({ issuers: z.array(IssuerSchema).min(1).max(16) }).superRefine(({ issuers }, ctx) => {
  for (const [index, { issuer, prefix, audiences, signIn }] of issuers.entries()) {
    const others = issuers.slice(0, index);
    if (others.some((other) => other.issuer === issuer)) {
      ctx.addIssue({ code: "custom", path: ["issuers", index, "issuer"], message: "is there twice" });
    }
    // Otherwise one provider could name the people of another.
    if (others.some((other) => other.prefix.startsWith(prefix) || prefix.startsWith(other.prefix))) {
      ctx.addIssue({ code: "custom", path: ["issuers", index, "prefix"], message: "tells its names not from those of another issuer" });
    }
    if (signIn !== undefined && others.some((other) => other.signIn?.name === signIn.name)) {
      ctx.addIssue({ code: "custom", path: ["issuers", index, "signIn", "name"], message: "is there twice" });
    }
    for (const way of ["cli", "browser"] as const) {
      const clientId = signIn?.[way]?.clientId;
      // An ID token is for the client that asked for it.
      if (clientId !== undefined && !audiences.includes(clientId)) {
        const message = `is none of the audiences (${audiences.join(", ")}): tokens that its people get there would be refused`;
        ctx.addIssue({ code: "custom", path: ["issuers", index, "signIn", way, "clientId"], message });
      }
    }
  }
});

/** Reads the providers whose tokens are taken, from a YAML file. @returns what is wrong with it, or them */
export function readIssuers(path: string): { readonly issuers: readonly Issuer[] } | { readonly issues: readonly Issue[] } {
  let given: unknown;
  try {
    given = parse(readFileSync(path, "utf8"));
  } catch (error) {
    const message =
      error instanceof YAMLParseError ? (error.message.split("\n")[0] ?? "") : `can't be read (${(error as NodeJS.ErrnoException).code})`;
    return { issues: [{ path: "", message, fix: "name a YAML file with a list `issuers`" }] };
  }
  const { data, error } = IssuersSchema.safeParse(given);
  return data ?? { issues: issuesOf(IssuersSchema, error, given) };
}

/** What anybody may know of where people sign in. */
export function signInOf(issuers: readonly Issuer[]): readonly SignInProvider[] {
  return issuers.flatMap(({ issuer, signIn }) => {
    if (signIn === undefined) {
      return [];
    }
    const { name, label = name, scopes, cli, browser } = signIn;
    return [{ name, label, ...(cli && { cli: { issuer, clientId: cli.clientId, scopes } }), browser: browser !== undefined }];
  });
}
