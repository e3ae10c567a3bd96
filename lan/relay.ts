import { lookup } from "node:dns/promises";
import { messageOf } from "../contract/errors.ts";
import { type Announced, announce } from "./announce.ts";
import { hintOf } from "./announcement.ts";
import { hostOf, type Network, networksOf } from "./networks.ts";

/** How a worker tells others where it has reached the server: on the network that both are in, and on no other. */
export type Relay = {
  /** The server answered here a moment ago; undefined: it can't be reached, and nothing is told any more. */
  show(origin: string | undefined): void;
  close(): void;
};

export function createRelay(options: {
  fingerprint: string;
  networks: () => readonly Network[];
  notice: (text: string) => void;
}): Relay {
  const { networks, notice } = options;
  let shown: string | undefined;
  let announced: Promise<Announced | undefined> = Promise.resolve(undefined);

  async function begin(origin: string): Promise<Announced | undefined> {
    const { port } = new URL(origin);
    const found = await lookup(hostOf(origin), { all: true }).catch(() => []);
    const shared = found
      .map(({ address }) => ({ address, on: networksOf(address, networks()) }))
      .filter(({ on }) => on.length > 0);
    if (shared.length === 0) return undefined;
    return announce({
      hint: hintOf(options.fingerprint),
      by: "worker",
      port: Number(port || 443),
      addresses: () => shared.map(({ address }) => address),
      networks: () => networks().filter((network) => shared.some(({ on }) => on.some((one) => isSame(one, network)))),
    });
  }

  function show(origin: string | undefined): void {
    if (origin === shown) return;
    shown = origin;
    announced = announced
      .then((before) => before?.close())
      .then(() => (origin === undefined || origin !== shown ? undefined : begin(origin)))
      .catch((error) => {
        notice(`other workers can't be told where the server is: ${messageOf(error)}`);
        return undefined;
      });
  }
  return { show, close: () => show(undefined) };
}

const isSame = (a: Network, b: Network): boolean => a.address === b.address && a.cidr === b.cidr;
