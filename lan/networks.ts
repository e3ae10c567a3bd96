import { BlockList, isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { RendtError } from "../contract/errors.ts";
import { isLoopback } from "../contract/loopback.ts";

/** An address of this machine and the network that it is in, such as `192.168.1.20/24`. */
export type Network = { address: string; cidr: string };

/** The addresses of this machine, loopback included: a server and a worker may share it. */
export function ownNetworks(): Network[] {
  return Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .flatMap(({ address, cidr }) => (cidr === null ? [] : [{ address, cidr }]));
}

/** The networks in which a server that listens on `host` can be reached. */
export function networksOf(host: string, networks: readonly Network[]): Network[] {
  if (host === "0.0.0.0") return networks.filter(({ address }) => isIPv4(address));
  if (host === "::") return [...networks];
  const listening = host === "localhost" ? "127.0.0.1" : host;
  return networks.filter((network) => createNearness([network])(listening, network.address));
}

/** One address's network only, as its owner wishes; or all. */
export function chosenNetworks(address: string | undefined): Network[] {
  const all = ownNetworks();
  const chosen = all.filter((network) => address === undefined || network.address === address);
  if (chosen.length > 0) return chosen;
  const known = all.map((network) => network.address).join(", ");
  throw new RendtError("bad_request", `${address} is no address of this machine; it has ${known}`);
}

/**
 * Tells whether an address is in one of these networks. What is announced elsewhere is never tried: a stranger could otherwise send this
 * machine to any address in the world, or to its own loopback. Link-local IPv6 is left out: it means nothing without the name of an interface.
 */
export function createNearness(networks: readonly Network[]): (address: string, from: string) => boolean {
  const near = new BlockList();
  for (const { address, cidr } of networks) {
    near.addSubnet(address, Number(cidr.split("/")[1]), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return (address, from) => {
    const isOwn = isLoopback(from) || networks.some((network) => network.address === from);
    if (isLoopback(address) && !isOwn) return false;
    if (isIPv4(address)) return near.check(address, "ipv4");
    return isIPv6(address) && !/^fe80:/i.test(address) && near.check(address, "ipv6");
  };
}

/** The host of an origin, without the brackets of IPv6. */
export const hostOf = (origin: string): string => new URL(origin).hostname.replace(/^\[|\]$/g, "");
