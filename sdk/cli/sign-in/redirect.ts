import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

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
  readonly returned: Promise<Returned>;
  close(): void;
}

/** @param state without which nobody is let in: whatever else comes, from a page that somebody is on, does not end the wait */
export async function listenForReturn(state: string): Promise<Redirect> {
  let resolve: (returned: Returned) => void = () => {};
  const returned = new Promise<Returned>((take) => {
    resolve = take;
  });
  let isTaken = false;
  const server = createServer((req, res) => {
    const url = new URL(req.url ?? "/", uri);
    // Another name in `Host` is another's page, whose name leads here.
    if (req.method !== "GET" || url.pathname !== PATH || req.headers.host !== host) {
      answer(res, 404, "There is nothing here.");
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
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A page that runs, loads, keeps and passes on nothing: its address has a code in it. */
function answer(res: ServerResponse, status: number, sentence: string): void {
  res.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    connection: "close",
  });
  res.end(`<!doctype html><html lang="en"><title>claw login</title><p>${sentence}</p></html>\n`);
}
