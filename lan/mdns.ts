import { createSocket } from "node:dgram";
import { isIPv4 } from "node:net";
import { RendtError } from "../contract/errors.ts";
import type { Network } from "./networks.ts";

const GROUP = "224.0.0.251";
const PORT = 5353;
/** A laptop that moves on to another network is heard there after this. */
const LOOK_MS = 5000;

/** Multicast DNS on all networks of this machine at once; IPv4 carries it, what it tells may be IPv6. */
export type Mdns = {
  /** Sends to everybody. What can't be sent is lost, as any datagram: who waits for an answer asks again. */
  say(message: Buffer): void;
  close(): void;
};

/**
 * Opens it. `networks` is asked again and again, because addresses change.
 *
 * @throws RendtError `port_taken` when another program holds UDP port 5353 for itself alone.
 */
export async function openMdns(options: {
  networks: () => readonly Network[];
  heard: (message: Buffer, from: string) => void;
}): Promise<Mdns> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  await new Promise<void>((resolve, reject) => {
    // Later errors are those of single datagrams: a network that is gone must not end the program.
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EADDRINUSE") reject(cause);
      else
        reject(new RendtError("port_taken", "another program does not share UDP port 5353, that of mDNS", { cause }));
    });
    socket.bind(PORT, resolve);
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  socket.setMulticastTTL(255);
  socket.on("message", (message, { address }) => options.heard(message, address));

  const joined = new Set<string>();
  let closed = false;
  let sending = Promise.resolve();

  function look(): string[] {
    const addresses = options.networks().flatMap(({ address }) => (isIPv4(address) ? [address] : []));
    for (const address of joined) if (!addresses.includes(address)) joined.delete(address);
    for (const address of addresses) {
      if (joined.has(address)) continue;
      try {
        socket.addMembership(GROUP, address);
      } catch {
        // Joined already under another address of that interface, or it has just gone down.
      }
      joined.add(address);
    }
    return addresses;
  }

  /** One socket has one way out at a time. */
  async function sayOn(address: string, message: Buffer): Promise<void> {
    if (closed) return;
    try {
      socket.setMulticastInterface(address);
    } catch {
      return; // gone since it was looked at
    }
    await new Promise<void>((resolve) => socket.send(message, PORT, GROUP, () => resolve()));
  }

  look();
  const looking = setInterval(look, LOOK_MS);
  looking.unref();
  return {
    say(message) {
      for (const address of look()) sending = sending.then(() => sayOn(address, message));
    },
    close() {
      if (closed) return;
      clearInterval(looking);
      // What was said last, a goodbye mostly, goes out first.
      void sending.then(() => {
        closed = true;
        socket.close();
      });
    },
  };
}
