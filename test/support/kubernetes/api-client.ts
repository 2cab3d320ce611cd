import { Agent, request } from "node:https";

// biome-ignore lint/suspicious/noExplicitAny: tests look into the API's objects freely
type ApiObject = any;

interface ApiAnswer {
  readonly status: number;
  readonly body: ApiObject;
}

/** The API of a test cluster as its administrator: plain requests, so that tests look at the cluster with other eyes than the code under test. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(url: string, token: string, ca: string) {
    this.#url = url;
    this.#token = token;
    this.#agent = new Agent({ keepAlive: true, ca });
  }

  /** @throws when the answer is none of success, but for a 404 of a GET, which is undefined. */
  async get(path: string): Promise<ApiObject> {
    const { status, body } = await this.send("GET", path);
    if (status === 404) {
      return undefined;
    }
    return orThrow("GET", path, status, body);
  }

  async list(path: string): Promise<ApiObject[]> {
    return (await this.get(path))?.items ?? [];
  }

  async create(path: string, body: unknown): Promise<ApiObject> {
    const answer = await this.send("POST", path, body);
    return orThrow("POST", path, answer.status, answer.body);
  }

  /** A server-side apply under a field manager's name. */
  async apply(path: string, body: unknown, fieldManager: string, force = false): Promise<ApiObject> {
    const query = `?fieldManager=${encodeURIComponent(fieldManager)}&force=${force}`;
    const answer = await this.send("PATCH", `${path}${query}`, body, "application/apply-patch+yaml");
    return orThrow("PATCH", path, answer.status, answer.body);
  }

  merge(path: string, body: unknown, fieldManager?: string): Promise<ApiObject> {
    return this.#patch("merge-patch", path, body, fieldManager);
  }

  /** A merge that knows the items of lists by their names. */
  strategicMerge(path: string, body: unknown, fieldManager?: string): Promise<ApiObject> {
    return this.#patch("strategic-merge-patch", path, body, fieldManager);
  }

  async #patch(kind: string, path: string, body: unknown, fieldManager = "kubectl-edit"): Promise<ApiObject> {
    const query = `?fieldManager=${encodeURIComponent(fieldManager)}`;
    const answer = await this.send("PATCH", `${path}${query}`, body, `application/${kind}+json`);
    return orThrow("PATCH", path, answer.status, answer.body);
  }

  async delete(path: string): Promise<void> {
    const { status, body } = await this.send("DELETE", path, { propagationPolicy: "Background" });
    if (status !== 404) {
      orThrow("DELETE", path, status, body);
    }
  }

  send(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${this.#token}`,
        accept: "application/json",
        // Without a length, Node sends the body of a DELETE as if it were the next request.
        ...(text !== undefined && { "content-type": contentType, "content-length": Buffer.byteLength(text) }),
      };
      const call = request(`${this.#url}${path}`, { method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString("utf8");
          const isJson = response.headers["content-type"]?.includes("json");
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(answer) : answer });
        });
      });
      call.on("error", (error: NodeJS.ErrnoException) => {
        // The server had just closed the connection, as it does with idle ones.
        const isStale = call.reusedSocket && error.code === "ECONNRESET";
        isStale ? resolve(this.send(method, path, body, contentType)) : reject(error);
      });
      call.end(text);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function orThrow(method: string, path: string, status: number, body: ApiObject): ApiObject {
  if (status < 200 || status > 299) {
    throw new Error(`${method} ${path}: ${status} ${body?.message ?? JSON.stringify(body)}`);
  }
  return body;
}
