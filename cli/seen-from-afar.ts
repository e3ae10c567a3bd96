import { networkInterfaces } from "node:os";
import { isLoopback } from "../contract/loopback.ts";
import type { Address } from "../sdk/address.ts";
import { openServer } from "../sdk/open-server.ts";

const TIMEOUT_MS = 1000;

/** The URL under which others may reach a server; that of one on this machine is tried at the machine's own address first. */
export async function seenFromAfar({ url, pin }: Address): Promise<string> {
  const { hostname, protocol } = new URL(url);
  if (protocol === "http:" || !isLoopback(hostname.replace(/^\[|\]$/g, ""))) return url;
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const found = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  if (!found) return url;
  const afar = url.replace(`//${hostname}`, `//${found.address}`);
  const server = openServer({ url: afar, ...(pin && { pin: { ...pin, origin: new URL(afar).origin } }) });
  try {
    await server.once.health({}, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return afar;
  } catch {
    // It listens to this machine alone, or something is in between: its own name for itself is the better guess.
    return url;
  } finally {
    server.close();
  }
}
