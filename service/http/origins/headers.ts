import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** Of one hop alone: each side has its own. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);
/** What tells a claw of the way here. To it the control plane is a client of its own host: it takes others for strangers, whom it has sign in anew. */
const OF_THE_WAY = /^(x-forwarded-.*|x-real-ip|forwarded|via|referer|origin|host)$/;
/** Cookies of ours, which no claw gets, and none sets. */
const OURS = /^(__host-|__secure-)?claw-/i;
/** What would change how a browser reaches other hosts than the claw's, or sign it out of ours. */
const BEYOND_THE_CLAW = new Set(["alt-svc", "clear-site-data"]);
/** Where a claw believes that it is. */
const OWN_ORIGIN = "http://localhost";

/** What of a browser's headers goes on to the claw. @param isOwnPage whether a page of the claw's asks */
export function onwardHeaders(headers: IncomingHttpHeaders, isOwnPage: boolean): OutgoingHttpHeaders {
  const { cookie = "", ...others } = headers;
  const named = namedIn(headers.connection);
  const kept = Object.entries(others).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name) && !OF_THE_WAY.test(name));
  const cookies = cookie.split(/;\s*/).filter((pair) => pair !== "" && !OURS.test(pair));
  return {
    ...Object.fromEntries(kept),
    ...(cookies.length > 0 && { cookie: cookies.join("; ") }),
    ...(isOwnPage && { origin: OWN_ORIGIN }),
    host: "localhost",
  };
}

/** What of a claw's headers goes back to the browser: its cookies are for its own host alone. */
export function backwardHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const { "set-cookie": cookies = [], location, ...others } = headers;
  const named = namedIn(headers.connection);
  const kept = Object.entries(others).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name) && !BEYOND_THE_CLAW.has(name));
  const set = cookies.filter((cookie) => !OURS.test(cookie.trimStart())).map((cookie) => cookie.replaceAll(/;\s*domain\s*=[^;]*/gi, ""));
  return {
    ...Object.fromEntries(kept),
    ...(set.length > 0 && { "set-cookie": set }),
    ...(location !== undefined && { location: location.replace(/^http:\/\/localhost(?=[/?#]|$)/, "") || "/" }),
  };
}

function namedIn(connection: string | undefined): ReadonlySet<string> {
  return new Set(connection?.split(",").map((name) => name.trim().toLowerCase()));
}

/**
 * Whether a request is one that a page of this origin makes, or that somebody has opened it with. Instances' origins are of one site to browsers, which
 * send a cookie along with what a page of another instance asks: so they are told apart here.
 */
export function isOwnRequest(headers: IncomingHttpHeaders, own: string, isSafe: boolean): boolean {
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest } = headers;
  if (origin !== undefined && origin !== own) {
    return false;
  }
  if (!isSafe) {
    return site === undefined ? origin === own : site === "same-origin";
  }
  const isOpened = mode === "navigate" && dest === "document";
  return site === undefined || site === "same-origin" || site === "none" || isOpened;
}
