/** What stands behind the `#` of a link that signs a browser in; undefined where it is no such link. */
export function ticketIn(hash: string): string | undefined {
  return /^#ticket=([\w-]{1,128})$/.exec(hash)?.[1];
}

/** An address of this console to go to after signing in: nothing that another host could be read from. */
export function returnTo(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 2048 && /^\/(?![/\\])[^\\]*$/.test(value) ? value : undefined;
}
