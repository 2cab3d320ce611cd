import type { WebSocket } from "ws";
import { ClawError, redact, STREAM_ERROR_CLOSE } from "../../../sdk/contract/index.ts";

/** The stream is open already: the close code and reason say why it ends. */
export function refuse(socket: WebSocket, error: unknown): void {
  const { status, code, message } =
    error instanceof ClawError ? error : new ClawError("service.internal", "something went wrong on our side");
  socket.close(STREAM_ERROR_CLOSE + status, closeReason(`${code}: ${message}`));
}

/** A close frame takes 123 bytes of UTF-8, and no part of a character. Cut last: what is left of a credential may look like none. */
export function closeReason(text: string): string {
  const told = redact(text);
  const { read } = new TextEncoder().encodeInto(told, new Uint8Array(123));
  return told.slice(0, read);
}
