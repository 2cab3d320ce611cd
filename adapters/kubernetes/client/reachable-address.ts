import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/**
 * Addresses that no API server has, and that answer whoever asks from this host with what is the host's own: clouds' metadata services, which are
 * link-local or at an address of their provider's, and what is no host at all. Private addresses are not among them: clusters are there.
 */
const NOBODYS = new BlockList();
for (const [network, prefix, family] of [
  ["0.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["224.0.0.0", 4, "ipv4"],
  ["::", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
  // The same by a network's translation of IPv4 (RFC 6052).
  ["64:ff9b::a9fe:0", 112, "ipv6"],
] as const) {
  NOBODYS.addSubnet(network, prefix, family);
}
// Alibaba's, Azure's, Oracle's, and Amazon's by IPv6.
for (const address of ["100.100.100.200", "168.63.129.16", "192.0.0.192"]) {
  NOBODYS.addAddress(address, "ipv4");
}
NOBODYS.addAddress("fd00:ec2::254", "ipv6");

/** @param host as a URL has it @throws for an address that is not connected to; a name is looked at when it is looked up */
export function assertReachable(host: string): void {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  if (isNobodys(address)) {
    throw refusal(address, address);
  }
}

/**
 * Looks a name up, and answers nothing where any of its addresses is not connected to. What it answers is what is connected to, and it is asked
 * for each connection: a name that says something else the next time gets nowhere.
 */
export const lookupReachable: LookupFunction = (host, options, callback) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    const nobodys = error ? undefined : addresses.find(({ address }) => isNobodys(address));
    const [first] = addresses ?? [];
    if (error || nobodys || !first) {
      callback(error ?? refusal(host, nobodys?.address ?? ""), "", 0);
    } else if (options.all) {
      callback(null, addresses);
    } else {
      callback(null, first.address, first.family);
    }
  });
};

function isNobodys(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && NOBODYS.check(address, family === 4 ? "ipv4" : "ipv6");
}

function refusal(host: string, address: string): Error {
  const which = host === address ? host : `${host} (${address})`;
  return new Error(`${which} is not connected to: it is link-local, a cloud's metadata service, or no host at all`);
}
