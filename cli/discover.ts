import { UnreachableError } from "../contract/client.ts";
import { chosenNetworks } from "../lan/networks.ts";
import { searchLan } from "../lan/search.ts";
import type { Call } from "./command.ts";
import { readCode } from "./enroll.ts";
import { usage } from "./failure.ts";

const SEARCH_MS = 15_000;

/** Finds the server on this network whose key the code names. */
export async function discover({ options, terminal }: Call, code: string): Promise<string> {
  const { fingerprint } = readCode(code);
  if (fingerprint === undefined)
    throw usage(
      "--discover needs a code that names the server's key, and this one doesn't: anybody could answer",
      "start the server with `rendt up --listen 0.0.0.0:4810 --announce` and make another code, or give its URL",
    );
  const networks = chosenNetworks(options.interface);
  terminal.say(`looking for the server on ${networks.map(({ address }) => address).join(", ")}`);
  try {
    return await searchLan({ fingerprint, networks: () => networks, signal: AbortSignal.timeout(SEARCH_MS) });
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw cause;
    throw new UnreachableError(`no server on this network proved to be the code's within ${SEARCH_MS / 1000}s`, {
      url: "mdns:",
      sent: false,
      hint: "is it up with --announce, and on the same network? Else give its URL: rendt worker join URL --code CODE",
      cause,
    });
  }
}
