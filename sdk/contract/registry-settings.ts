const NAMES =
  /^(npm_config_(registry|cafile|proxy|https_proxy|noproxy|strict_ssl)|(http|https|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/i;
/** A claw can read what is handed to it. */
const CREDENTIALS = /\/\/[^/\s]*@/;

/** What of an environment says how the npm registry is reached, without credentials. */
export function registrySettings(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const settings = Object.entries(env).filter(([name, value]) => value !== undefined && NAMES.test(name) && !CREDENTIALS.test(value));
  return Object.fromEntries(settings) as Record<string, string>;
}
