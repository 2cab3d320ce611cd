import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CliError, ExitCode } from "../failure.ts";

const PATH = "/callback";

/** What a provider sent the browser back with. */
export interface Returned {
  readonly url: URL;
  /** Shows a sentence in the browser, and waits until it is there. */
  say(sentence: string): Promise<void>;
}

/** Where browsers come back to on this machine (RFC 8252): a free port of the loopback, for one return with the right state. */
export interface Redirect {
  readonly uri: string;
  /** @throws {CliError} when two have opened what {@link Redirect.leadTo} answered */
  readonly returned: Promise<Returned>;
  /** An address that leads there once: other users of this machine can see what programs are started with, and not the address that it leads to. */
  leadTo(address: string): string;
  close(): void;
}

/** @param state without which nobody is let in: whatever else comes, from a page that somebody is on, does not end the wait */
export async function listenForReturn(state: string): Promise<Redirect> {
  const { promise: returned, resolve, reject } = Promise.withResolvers<Returned>();
  returned.catch(() => {});
  const start = `/start/${randomBytes(16).toString("base64url")}`;
  let leadsTo: string | undefined;
  let isTaken = false;
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? "/", uri);
    // Another name in `Host` is another's page, whose name leads here.
    if (req.method !== "GET" || ![PATH, start].includes(url.pathname) || req.headers.host !== host) {
      answer(res, 404, "There is nothing here.");
    } else if (url.pathname === start) {
      if (leadsTo === undefined) {
        answer(res, 410, "This address has been opened already: the terminal says what to do.");
        reject(openedTwice());
      } else {
        answer(res, 303, "Go on at your identity provider.", leadsTo);
        leadsTo = undefined;
      }
    } else if (url.searchParams.get("state") !== state) {
      answer(res, 400, "This is not the sign-in that 'claw login' waits for.");
    } else if (isTaken) {
      answer(res, 410, "This sign-in has been used.");
    } else {
      isTaken = true;
      resolve({
        url,
        async say(sentence) {
          // Unless the browser has gone away meanwhile.
          if (!res.destroyed) {
            answer(res, 200, sentence);
            await once(res, "close");
          }
        },
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const uri = `http://${host}${PATH}`;
  return {
    uri,
    returned,
    leadTo(address) {
      leadsTo = address;
      return `http://${host}${start}`;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Whoever has seen the address in the list of processes might have been first, and knows by now what this sign-in is told by. */
function openedTwice(): CliError {
  return new CliError("the address of this sign-in was opened twice, maybe by another user of this machine", {
    fix: "sign in again; where that is so each time: 'claw login --device'",
    exitCode: ExitCode.Auth,
  });
}

/** A page that runs, loads, keeps and passes on nothing: its address has a code in it. */
function answer(res: ServerResponse, status: number, sentence: string, location?: string): void {
  res.writeHead(status, {
    ...(location !== undefined && { location }),
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  res.end(`<!doctype html><html lang="en"><title>claw login</title><p>${sentence}</p></html>\n`);
}
