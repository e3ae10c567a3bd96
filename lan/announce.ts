import { randomBytes } from "node:crypto";
import { isLoopback } from "../contract/loopback.ts";
import { type Announcement, asksFor, encodeAnnouncement, hintOf, readSightings } from "./announcement.ts";
import { openMdns } from "./mdns.ts";
import { hostOf, type Network, networksOf, ownNetworks } from "./networks.ts";

/** RFC 6762 §6: nobody answers twice within a second. */
const BETWEEN_MS = 1000;
/** After the server itself; and spread, because all workers of a network are asked at once. */
const WORKER_DELAY_MS = { least: 100, most: 500 };
/** So many others that say the same are enough. */
const ENOUGH = 2;

export type Announced = { close(): void };

/** Announces a server of this machine that listens at `url` on `host`, on the networks where it can be reached. */
export function announceServer({
  host,
  ...server
}: {
  host: string;
  url: string;
  fingerprint: string;
}): Promise<Announced> {
  const networks = () => networksOf(host, ownNetworks());
  return announce({
    hint: hintOf(server.fingerprint),
    by: "server",
    port: Number(new URL(server.url).port),
    addresses: () => (/^(0\.0\.0\.0|::)$/.test(host) ? shownAddresses(networks()) : [hostOf(server.url)]),
    networks,
  });
}

/** Loopback only where there is nothing else. */
function shownAddresses(networks: readonly Network[]): string[] {
  const all = networks.map(({ address }) => address).filter((address) => !/^fe80:/i.test(address));
  const outside = all.filter((address) => !isLoopback(address));
  return outside.length > 0 ? outside : all;
}

/**
 * Tells the network where a server is, at once and whenever somebody asks, until `close`, which takes it back. `addresses` is asked each
 * time: a machine may get others.
 */
export async function announce(options: {
  hint: string;
  by: Announcement["by"];
  port: number;
  addresses: () => readonly string[];
  networks: () => readonly Network[];
}): Promise<Announced> {
  const { hint, by, port, addresses } = options;
  const name = `rendt-${hint.slice(0, 8)}-${randomBytes(3).toString("hex")}`;
  let saidAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let echoes = 0;

  const say = (ttl?: number) => {
    saidAt = performance.now();
    const found = addresses();
    if (found.length > 0) mdns.say(encodeAnnouncement({ hint, by, name, port, addresses: found }, ttl));
  };
  const answer = () => {
    timer = undefined;
    if (echoes < ENOUGH) say();
  };
  const mdns = await openMdns({
    networks: options.networks,
    heard(message) {
      if (timer && by === "worker") {
        echoes += readSightings(message).filter((sighting) => sighting.hint === hint && !sighting.gone).length;
      }
      if (timer || !asksFor(message, name)) return;
      echoes = 0;
      const { least, most } = WORKER_DELAY_MS;
      const delay = by === "worker" ? least + Math.random() * (most - least) : 0;
      timer = setTimeout(answer, Math.max(delay, saidAt + BETWEEN_MS - performance.now()));
    },
  });
  say();
  // RFC 6762 §8.3: twice, because a datagram may be lost.
  const again = setTimeout(say, BETWEEN_MS);
  return {
    close() {
      clearTimeout(timer);
      clearTimeout(again);
      say(0);
      mdns.close();
    },
  };
}
