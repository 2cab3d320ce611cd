/** How a browser signs in and out: cookies, which no script reads, so that these are no calls of the client's. */

/** A refusal, as the service words it. */
export class SignInError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function post(path: string, init: RequestInit): Promise<void> {
  const response = await fetch(path, { method: "POST", ...init });
  if (!response.ok) {
    const problem = (await response.json().catch(() => ({}))) as { detail?: string };
    throw new SignInError(response.status, problem.detail ?? response.statusText);
  }
}

/** Opens a session of the same rights as a token's. The token is kept nowhere. */
export function signInByToken(token: string): Promise<void> {
  return post("/auth/session", { headers: { authorization: `Bearer ${token}` } });
}

/** Opens the session that a link stands for; good once. */
export function signInByTicket(ticket: string): Promise<void> {
  return post("/auth/links/enter", { headers: { "content-type": "application/json" }, body: JSON.stringify({ ticket }) });
}

export function signOut(): Promise<void> {
  return post("/auth/sign-out", {});
}
