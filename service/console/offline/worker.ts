/**
 * Keeps the console's own files in the browser, so that it opens where there is no network: its document, which is the same for everybody, and what that
 * loads first; other parts once they have been loaded. What the service says is never kept.
 */

/** Of a worker of this kind, what is used here: its types are not those of a page. */
interface Worker {
  addEventListener(type: "install" | "activate", listener: (event: { waitUntil(work: Promise<unknown>): void }) => void): void;
  addEventListener(
    type: "fetch",
    listener: (event: { readonly request: Request; respondWith(answer: Promise<Response>): void }) => void,
  ): void;
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
}
const worker = self as unknown as Worker;

/** Put in when it is built: what the document loads first. Other files have other names, so other contents are another list. */
declare const FIRST_FILES: readonly string[];
const CACHE = `claw ${FIRST_FILES.join(" ")}`;
const DOCUMENT = "/";

worker.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    // Whoever does not ask for a page is told that there is no such route.
    await cache.addAll([new Request(DOCUMENT, { headers: { accept: "text/html" } }), ...FIRST_FILES]);
    await worker.skipWaiting();
  };
  event.waitUntil(keep());
});

worker.addEventListener("activate", (event) => {
  const forget = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("claw ") && name !== CACHE).map((name) => caches.delete(name)));
    await worker.clients.claim();
  };
  event.waitUntil(forget());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) {
    return;
  }
  if (pathname.startsWith("/assets/")) {
    event.respondWith(fileOf(request));
  } else if (request.mode === "navigate" && (pathname === "/" || pathname === "/sign-in" || pathname.startsWith("/t/"))) {
    event.respondWith(documentOf(request));
  }
});

/** What has a digest in its name is the same for ever. */
async function fileOf(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) {
    return kept;
  }
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
  }
  return answer;
}

/** The service's own while it answers. */
async function documentOf(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(CACHE)).match(DOCUMENT);
    if (kept) {
      return kept;
    }
    throw error;
  }
}
