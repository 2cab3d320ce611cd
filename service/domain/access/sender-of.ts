/** Who sends from there: an address, or the network that one line of IPv6 gets, whose addresses are all its own. */
export function senderOf(address: string): string {
  const ip = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!ip.includes(":")) {
    return ip;
  }
  const [head = "", tail] = ip.split("%", 1)[0]?.split("::") ?? [];
  const before = head.split(":").filter((group) => group !== "");
  const after = tail?.split(":").filter((group) => group !== "") ?? [];
  const groups = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0"), ...after];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
