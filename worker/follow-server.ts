import { UnreachableError } from "../contract/client.ts";
import { sleep } from "../contract/retry.ts";
import type { Pin } from "../files/connection.ts";
import type { Sending } from "../files/exchange.ts";
import { createNodeHttp, type NodeHttp, transportOver } from "../files/node-http.ts";
import { provesPin } from "../files/node-tls.ts";
import type { Network } from "../lan/networks.ts";
import { createRelay } from "../lan/relay.ts";
import { searchLan } from "../lan/search.ts";

/** A request that can be given up by its caller waits this long for the server to be found; others briefly. */
const HOLD_MS = 300_000;
const BRIEF_MS = 3000;
const PROOF_MS = 2000;
const LOOK_MS = { least: 250, most: 10_000 };

/**
 * HTTP that follows a server whose address changes. Requests name it by `url`, where it was at first; when it is away there, the old
 * address and the network are watched until one proves the pinned key, and what waits goes out then.
 */
export function createFollowingHttp(options: {
  url: string;
  pin: Pin & { fingerprint: string };
  networks: () => readonly Network[];
  /** Whether others on these networks are told where the server has been reached. */
  announce: boolean;
  moved: (origin: string) => void;
  notice: (text: string) => void;
}): NodeHttp {
  const { pin, networks, notice } = options;
  const home = new URL(options.url).origin;
  const closing = new AbortController();
  const relay = options.announce ? createRelay({ fingerprint: pin.fingerprint, networks, notice }) : undefined;
  let at = home;
  let http = createNodeHttp({ pin: { ...pin, origin: at } });
  const earlier: NodeHttp[] = [];
  let seeking: Promise<void> | undefined;

  function seek(why: Error): Promise<void> {
    seeking ??= findAgain(why)
      .then(settle)
      .finally(() => {
        seeking = undefined;
      });
    // Whoever waits hears of its end by `held`.
    seeking.catch(() => undefined);
    return seeking;
  }

  function settle(origin: string): void {
    relay?.show(origin);
    if (origin === at) return;
    notice(`the server has moved: it is at ${origin} now`);
    at = origin;
    // Transfers may still be under way at the old address: a server can have several.
    earlier.push(http);
    http = createNodeHttp({ pin: { ...pin, origin } });
    options.moved(origin);
  }

  /** The saved address goes first; it is asked again and again, beside the network. */
  async function findAgain(why: Error): Promise<string> {
    relay?.show(undefined);
    if (await provesPin(at, pin.fingerprint, PROOF_MS)) return at;
    notice(`${why.message}; looking for the server on this network, too`);
    const found = new AbortController();
    const signal = AbortSignal.any([closing.signal, found.signal]);
    try {
      return await Promise.any([
        watch(at, signal),
        searchLan({ fingerprint: pin.fingerprint, networks, signal }).catch((error: Error) => {
          if (!signal.aborted) notice(`this network can't be searched: ${error.message}`);
          throw error;
        }),
      ]);
    } finally {
      found.abort();
    }
  }

  async function watch(origin: string, signal: AbortSignal): Promise<string> {
    for (let bound = LOOK_MS.least; ; bound = Math.min(LOOK_MS.most, 2 * bound)) {
      await sleep(bound * (0.5 + Math.random() / 2), signal);
      if (await provesPin(origin, pin.fingerprint, PROOF_MS)) return origin;
    }
  }

  /** True when the server is found before the request gives up. */
  async function held({ signal }: Sending, why: Error): Promise<boolean> {
    const limit = AbortSignal.timeout(signal ? HOLD_MS : BRIEF_MS);
    const end = signal ? AbortSignal.any([signal, limit]) : limit;
    return Promise.race([
      seek(why).then(
        () => true,
        () => false,
      ),
      new Promise<boolean>((resolve) => end.addEventListener("abort", () => resolve(false), { once: true })),
    ]);
  }

  async function send(sending: Sending) {
    const url = new URL(sending.url);
    if (url.origin !== home) return http.send(sending);
    const addressed = () => ({ ...sending, url: at + url.pathname + url.search });
    try {
      const answer = await http.send(addressed());
      if (!seeking) relay?.show(at);
      return answer;
    } catch (error) {
      if (!(error instanceof UnreachableError) || closing.signal.aborted) throw error;
      // Bytes that came from a stream are gone with this try.
      if (error.sent || typeof sending.body === "object") {
        void seek(error);
        throw error;
      }
      if (await held(sending, error)) return http.send(addressed());
      sending.signal?.throwIfAborted();
      // Another server at the old address is no reason to give up: ours may come back.
      throw new UnreachableError(error.message, { ...error, retryable: true, cause: error });
    }
  }

  return {
    send,
    transport: transportOver(send),
    close() {
      closing.abort();
      relay?.close();
      for (const each of [...earlier, http]) each.close();
    },
  };
}
