import { networkInterfaces } from "node:os";
import { isLoopback } from "../contract/loopback.ts";

/** A server on this machine as others on its network may reach it. Plain HTTP never leaves this machine. */
export function seenFromAfar(url: string): string {
  const { hostname } = new URL(url);
  if (!isLoopback(hostname.replace(/^\[|\]$/g, "")) || url.startsWith("http:")) return url;
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  return found ? url.replace(`//${hostname}`, `//${found.address}`) : url;
}
