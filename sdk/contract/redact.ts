/** What clients see in place of a secret. Sent back to where it was shown it means "unchanged"; it is a value nowhere. */
export const SECRET_MASK = "[secret]";

/** Texts come from anybody, and may be long: no rule begins with what has no end, or is looked for to the end of the text from each of many places. */
const RULES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // What stands before the host of a URL.
  [/(?<=[a-z0-9+.-]:\/\/)[^\s/"']+@/gi, `${SECRET_MASK}@`],
  [/\b(Bearer|Basic)\s+(?!\$\{)[\w.~+/=-]{8,}/gi, `$1 ${SECRET_MASK}`],
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, SECRET_MASK],
  [/\b(sk|rk)-[\w-]{16,}|\bgh[opsur]_\w{16,}|\bgithub_pat_\w{16,}|\bnpm_\w{20,}|\bxox[abeprs]-[\w-]{10,}/g, SECRET_MASK],
  // Our own: API tokens, and the keys and refresh tokens of sessions.
  [/\bclaw[rs]?_[\w-]{32,}/g, SECRET_MASK],
  // Of Telegram's bots, which are a part of its URLs.
  [/\b(bot)?\d{5,12}:[\w-]{30,}/g, `$1${SECRET_MASK}`],
  // JSON in base64, as JSON Web Tokens begin.
  [/\beyJ[\w-]{8,}(?:\.[\w-]+)*/g, SECRET_MASK],
  // `_authToken=…`, `"password": "…"`, `?api_key=…`: a name that says so, and a text that is more than a word.
  [
    /(token|secret|password|passwd|passphrase|api[-_]?key|private[-_]?key|authorization|key-data)(\\?["']?\s*[=:]\s*\\?["']?)(?!\$\{)(?=[^\s"',;&}\\]{0,256}\d)[^\s"',;&}\\]{8,}/gi,
    `$1$2${SECRET_MASK}`,
  ],
];

/** A text of somebody else (a driver, npm, an engine, a parser) as it may be passed on: without what looks like a credential. */
export function redact(text: string): string {
  return RULES.reduce((clean, [pattern, replacement]) => clean.replaceAll(pattern, replacement), text);
}
