import { readFileSync } from "node:fs";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { type Issue, issuesOf } from "../../sdk/contract/index.ts";

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
});
export type Issuer = z.infer<typeof IssuerSchema>;

const IssuersSchema = z.strictObject({ issuers: z.array(IssuerSchema).min(1).max(16) }).superRefine(({ issuers }, ctx) => {
  for (const [index, { issuer, prefix }] of issuers.entries()) {
    const others = issuers.slice(0, index);
    if (others.some((other) => other.issuer === issuer)) {
      ctx.addIssue({ code: "custom", path: ["issuers", index, "issuer"], message: "is there twice" });
    }
    // Otherwise one provider could name the people of another.
    if (others.some((other) => other.prefix.startsWith(prefix) || prefix.startsWith(other.prefix))) {
      ctx.addIssue({ code: "custom", path: ["issuers", index, "prefix"], message: "tells its names not from those of another issuer" });
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
