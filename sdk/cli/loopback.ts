/** Whether a host is this machine, of which nobody is on the way. @param hostname as a `URL` has it */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
