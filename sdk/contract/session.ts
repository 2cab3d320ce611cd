import { z } from "zod";

/** How long the access token of a session is good for. */
export const ACCESS_TOKEN_SECONDS = 15 * 60;
/** Sessions that one may have at once: another ends the one that was used longest ago. */
export const SESSIONS_MAX = 32;

/** What somebody has who signed in: the credential that they did it with need not go with every request. */
export const SessionSchema = z.object({
  id: z.string(),
  subject: z.string(),
  form: z.enum(["cookie", "tokens"]).describe("a browser's cookie, or tokens that are renewed"),
  by: z.string().describe("what they signed in with: an identity provider's address, or `token`"),
  createdAt: z.iso.datetime(),
  /** By then at the latest they sign in anew. */
  expiresAt: z.iso.datetime(),
  /** Within a minute. */
  lastUsedAt: z.iso.datetime(),
  /** From where it was opened. */
  address: z.string().optional(),
  agent: z.string().optional(),
  /** Whether it is the one that asks. */
  current: z.boolean(),
});
export type Session = z.infer<typeof SessionSchema>;
export type SessionForm = Session["form"];

export const SessionQuerySchema = z.strictObject({
  subject: z.string().min(1).max(512).optional().describe("somebody else's, for whom it takes `access.read` on the platform"),
});
export const SessionListSchema = z.object({ items: z.array(SessionSchema).max(SESSIONS_MAX) });

/** The tokens of a session. A refresh token is good for one renewal: one that comes again later ends the session. */
export const SessionTokensSchema = z.object({
  session: SessionSchema,
  accessToken: z.string().describe("goes with requests, as `Authorization: Bearer`"),
  accessExpiresAt: z.iso.datetime(),
  refreshToken: z.string().describe("goes to `POST /sessions/refresh` alone"),
});
export type SessionTokens = z.infer<typeof SessionTokensSchema>;

export const SessionRefreshSchema = z.strictObject({ refreshToken: z.string().min(1).max(256) });
