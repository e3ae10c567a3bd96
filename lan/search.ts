import { sleep } from "../contract/retry.ts";
import { provesPin } from "../files/node-tls.ts";
import { hintOf, QUESTION, readSightings } from "./announcement.ts";
import { openMdns } from "./mdns.ts";
import { createNearness, hostOf, type Network } from "./networks.ts";

/** When it asks, from its beginning on; later at the last distance. */
const ASK_AFTER_MS = [0, 300, 1000, 2000, 4000, 8000, 16_000, 32_000];
const PROOF_MS = 2000;
/** What a worker says is tried this much later than what the server itself says. */
const WORKER_LATER_MS = 300;
/** An address is not tried again before. */
const AGAIN_MS = 3000;
/** Whoever floods the network gets so many tries out of us, and so much memory. */
const MAX_CANDIDATES = 64;
const MAX_PER_SENDER = 8;
const MAX_PROOFS = 8;
const FORGET_MS = 10_000;

/** An address that was heard of: by whose word, and until when it is not tried again. */
type Candidate = { from: string; until: number };

/**
 * Looks on the networks of this machine for the server that has the pinned certificate's key, until it is found or the signal aborts,
 * whose reason is then thrown. What is announced is only where to look: an address counts when TLS proves the key there, and until
 * then nothing is sent to it.
 */
export async function searchLan(options: {
  fingerprint: string;
  networks: () => readonly Network[];
  signal: AbortSignal;
}): Promise<string> {
  const { fingerprint, networks } = options;
  const hint = hintOf(fingerprint);
  const found = new AbortController();
  const ended = AbortSignal.any([options.signal, found.signal]);
  options.signal.throwIfAborted();

  const candidates = new Map<string, Candidate>();
  const waiting: string[] = [];
  let proving = 0;
  let winner: string | undefined;

  function heard(message: Buffer, from: string): void {
    const sightings = readSightings(message).filter((sighting) => sighting.hint === hint && !sighting.gone);
    if (sightings.length === 0) return;
    const isNear = createNearness(networks());
    for (const { by, origins } of sightings)
      for (const origin of origins)
        if (isNear(hostOf(origin), from)) consider(origin, { from, laterMs: by === "worker" ? WORKER_LATER_MS : 0 });
  }

  function consider(origin: string, { from, laterMs }: { from: string; laterMs: number }): void {
    const now = performance.now();
    const known = candidates.get(origin);
    if (known ? known.until > now : isFull(from)) return;
    candidates.set(origin, { from, until: now + laterMs + AGAIN_MS });
    setTimeout(() => {
      waiting.push(origin);
      tryNext();
    }, laterMs);
  }

  function isFull(from: string): boolean {
    const ofSender = [...candidates.values()].filter((known) => known.from === from);
    return candidates.size >= MAX_CANDIDATES || ofSender.length >= MAX_PER_SENDER;
  }

  function tryNext(): void {
    if (ended.aborted || proving >= MAX_PROOFS) return;
    const origin = waiting.shift();
    if (origin === undefined) return;
    proving += 1;
    void provesPin(origin, fingerprint, PROOF_MS).then((proved) => {
      proving -= 1;
      if (proved) {
        winner ??= origin;
        found.abort();
      } else tryNext();
    });
  }

  const mdns = await openMdns({ networks, heard });
  // Who waits for longer is heard of again; what a flood has left must not stand before what comes after it.
  const forgetting = setInterval(() => {
    candidates.clear();
    waiting.length = 0;
  }, FORGET_MS);
  try {
    for (let round = 0; ; round += 1) {
      mdns.say(QUESTION);
      const [at = 0, next] = [ASK_AFTER_MS[round], ASK_AFTER_MS[round + 1]];
      await sleep(next === undefined ? 30_000 : next - at, ended);
    }
  } catch (reason) {
    if (winner === undefined) throw reason;
    return winner;
  } finally {
    clearInterval(forgetting);
    mdns.close();
  }
}
