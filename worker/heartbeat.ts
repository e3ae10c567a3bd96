import type { Client } from "../contract/client.ts";
import { MAX_RENEWED_LEASES, MAX_WAIT_MS } from "../contract/limits.ts";
import type { AnswerOf } from "../contract/operations.ts";
import { sleep } from "../contract/retry.ts";
import { createBackOff } from "./back-off.ts";
import { asked, freshFor, type Held, isFresh } from "./held.ts";
import type { Orders } from "./orders.ts";

/**
 * Keeps leases alive: renews all of them together while a child runs or a result is undelivered, and hears of losses, cancels and
 * watchers; at once where the server can hold a question open (the embedded one), else with the next renewal.
 */
export type Heartbeat = {
  /** The set of held leases changed. */
  look(): void;
  /** Leases stand still or go on again, which the server should know at once. */
  tell(): void;
  /** True once a child of this lease may be started; false when the lease is gone. */
  fresh(held: Held): Promise<boolean>;
  /** False from when the machine woke until the leases are renewed: what is asked for before could be one's own lost work. */
  isAwake(): boolean;
  close(): void;
};

type Setting = {
  client: Client;
  workerId: string;
  held: ReadonlyMap<string, Held>;
  orders: Orders;
  renewEveryMs: number;
  /** A lease that was gone has lost its child and owes nothing any more. */
  changed(): void;
  /** It is awake again. */
  awoke(): void;
  notice(text: string): void;
};

/** Tasks shorter than this are over before it would pay to listen. */
const LISTEN_AFTER_MS = 250;
const TICK_MS = 1000;
/** A tick this late means that the machine slept, or was stopped; to be wrong costs one renewal. */
const SLEPT_MS = 5000;

export function createHeartbeat(setting: Setting): Heartbeat {
  const { client, workerId: worker, held: all, orders } = setting;
  const closing = new AbortController();
  let ticker: NodeJS.Timeout | undefined;
  let lastTick = Date.now();
  let renewedAt = Date.now();
  let renewing: Promise<void> | undefined;
  let waking = false;
  let listening: AbortController | undefined;
  let listeningTo = "";

  function look(): void {
    if (closing.signal.aborted) return;
    if (all.size === 0) {
      clearInterval(ticker);
      ticker = undefined;
      listening?.abort();
    } else if (!ticker) {
      lastTick = Date.now();
      renewedAt = Date.now();
      ticker = setInterval(tick, TICK_MS);
      setTimeout(listen, LISTEN_AFTER_MS);
    }
  }

  function tick(): void {
    const now = Date.now();
    const sleptMs = now - lastTick;
    lastTick = now;
    if (sleptMs > SLEPT_MS && !waking) {
      setting.notice(`this machine slept or stood still for ${Math.round(sleptMs / 1000)} s: leases are renewed first`);
      void wake();
    }
    if (now - renewedAt >= setting.renewEveryMs || now < renewedAt) {
      // Set before the answer: a server that is away is asked once per period, not once per tick.
      renewedAt = now;
      void renew().catch(() => undefined);
    }
    void listen();
  }

  /** Tries soon again while the network is not up yet, which wakes later than this. */
  async function wake(): Promise<void> {
    waking = true;
    // One that was asked for before the sleep says nothing of now.
    await renewing?.catch(() => undefined);
    const backOff = createBackOff();
    while (waking && !closing.signal.aborted) {
      try {
        await renew();
        waking = false;
      } catch (error) {
        await backOff.wait(error, closing.signal).catch(() => undefined);
      }
    }
    setting.awoke();
  }

  /** Concurrent callers share one call. */
  function renew(): Promise<void> {
    renewing ??= renewAll().finally(() => {
      renewing = undefined;
    });
    return renewing;
  }

  async function renewAll(): Promise<void> {
    const ends = await Promise.allSettled(portionsOf([...all.values()].filter(isAlive)).map(renewSome));
    // Told only when all have ended: one portion that fails takes nothing from the others.
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async function renewSome(some: readonly Held[]): Promise<void> {
    const askedAt = asked();
    const delivering = idsOf(some.filter(({ over }) => over));
    const paused = idsOf(some.filter((held) => held.paused));
    const leases = idsOf(some);
    const answer = await client.renew(
      { worker, leases, delivering, ...(paused.length > 0 && { paused }), draining: orders.drained },
      { signal: closing.signal },
    );
    for (const item of answer.items) {
      const held = all.get(item.lease);
      if (held && item.state === "held") held.freshness = freshFor(askedAt, item.goodForMs ?? 0);
    }
    take(answer);
  }

  /** One question held open for all leases that are worth it, or as few as may be; asked anew when these change. */
  async function listen(): Promise<void> {
    const since = performance.now() - LISTEN_AFTER_MS;
    const ids = idsOf([...all.values()].filter((held) => !held.over && held.claimedAt <= since && isAlive(held)));
    if (ids.length === 0 || ids.join() === listeningTo || closing.signal.aborted) return;
    listening?.abort();
    listeningTo = ids.join();
    const mine = new AbortController();
    listening = mine;
    const signal = AbortSignal.any([mine.signal, closing.signal]);
    await Promise.all(portionsOf(ids).map((some) => listenTo(some, signal)));
    if (listening === mine) listeningTo = "";
  }

  async function listenTo(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const backOff = createBackOff();
    while (!signal.aborted) {
      try {
        // One that is gone would be answered at once, for ever.
        const stillHeld = ids.filter((id) => all.get(id)?.gone.signal.aborted === false);
        if (stillHeld.length === 0) break;
        const question = { worker, leases: stillHeld, renew: false, wait: MAX_WAIT_MS, draining: orders.drained };
        const answer = await client.renew(question, { signal });
        backOff.reset();
        take(answer);
        if (answer.retryAfterMs > 0) await sleep(answer.retryAfterMs, signal);
      } catch (error) {
        if (signal.aborted) break;
        await backOff.wait(error, signal).catch(() => undefined);
      }
    }
  }

  function take({ items, draining }: AnswerOf<"renew">): void {
    orders.hear(draining);
    let changed = false;
    for (const item of items) {
      const held = all.get(item.lease);
      if (!held) continue;
      if (item.state === "held") {
        setWatch(held, item.watch ?? false);
        if (item.upTo === undefined || item.upTo >= held.upTo) continue;
        held.upTo = item.upTo;
        if (held.running !== undefined && held.running >= item.upTo) held.gone.abort("lost");
      } else if (!held.gone.signal.aborted) {
        if (item.state === "lost" && held.running !== undefined)
          setting.notice(
            `${held.lease.job}: preempted: its lease ran out${waking ? " meanwhile" : ""}; it is ended here`,
          );
        held.gone.abort(item.state);
        changed = true;
      }
    }
    if (changed) setting.changed();
  }

  return {
    look,
    tell() {
      // One that is under way may have been written before.
      void Promise.resolve(renewing)
        .catch(() => undefined)
        .then(renew)
        .catch(() => undefined);
    },
    async fresh(held) {
      const backOff = createBackOff();
      while (!isFresh(held)) {
        if (held.gone.signal.aborted) return false;
        try {
          await renew();
          if (isFresh(held)) break;
          // It was claimed after that call had begun.
          await sleep(1, held.gone.signal);
        } catch (error) {
          await backOff.wait(error, held.gone.signal).catch(() => undefined);
        }
      }
      return !held.gone.signal.aborted;
    },
    isAwake() {
      // Woken by something else than its own timer.
      if (ticker && Date.now() - lastTick > SLEPT_MS) tick();
      return !waking;
    },
    close() {
      clearInterval(ticker);
      closing.abort();
    },
  };
}

const isAlive = ({ gone }: Held): boolean => !gone.signal.aborted;
const idsOf = (leases: readonly Held[]): string[] => leases.map(({ lease }) => lease.id);

/** As many as one call takes. */
function portionsOf<T>(whole: readonly T[]): T[][] {
  const portions = Math.ceil(whole.length / MAX_RENEWED_LEASES);
  return Array.from({ length: portions }, (_, at) =>
    whole.slice(at * MAX_RENEWED_LEASES, (at + 1) * MAX_RENEWED_LEASES),
  );
}

function setWatch(held: Held, watch: boolean): void {
  if (held.watch === watch) return;
  held.watch = watch;
  held.onWatch?.();
}
