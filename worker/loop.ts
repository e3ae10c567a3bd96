import { setImmediate as nextTurn } from "node:timers/promises";
import type { Client } from "../contract/client.ts";
import { messageOf, RendtError } from "../contract/errors.ts";
import { MAX_LEASES_PER_REQUEST, MAX_WAIT_MS } from "../contract/limits.ts";
import { sleep } from "../contract/retry.ts";
import type { Lease } from "../contract/worker.ts";
import { createBackOff } from "./back-off.ts";
import type { Budget } from "./budget.ts";
import { asked, type Claim, giveBack, type Held, hold, type Want } from "./held.ts";
import type { Journal } from "./journal.ts";
import type { Orders } from "./orders.ts";
import { createPace } from "./pace.ts";
import type { Slot } from "./sandbox/port.ts";

/**
 * Claims leases and spreads them over the slots. While tasks are short a few leases more than slots are held in a queue, so that no slot
 * waits for a round trip; one that waits too long is given back.
 */
export type Loop = {
  /** What the next finish should bring; it counts as asked for from now on. */
  wanted(): Want;
  accept(leases: readonly Lease[], claim: Claim): void;
  /** A call that had asked for this failed. */
  refused(want: Want): void;
  /** What the owner of the machine allows has changed, or what was ordered from afar. */
  look(): void;
  /** The server's answer to an open question would be out of date. */
  askAnew(): void;
  /** Resolves when no attempt runs any more and none will: after the draining signal. */
  done: Promise<void>;
};

type Setting = {
  client: Pick<Client, "claim">;
  workerId: string;
  slots: readonly Slot[];
  held: Map<string, Held>;
  budget: Budget;
  journal: Journal;
  /** False when this machine could not do it. */
  run(slot: Slot, held: Held): Promise<boolean>;
  /** The set of held leases changed. */
  changed(): void;
  /** How many slots the owner of the machine allows to be in use now; with none the server is not asked at all. */
  allowed(): number;
  orders: Orders;
  /** Whether leases are renewed since the machine slept last. */
  isAwake(): boolean;
  /** Claim no more than so many leases altogether. */
  most: number;
  draining: AbortSignal;
  /** The server can't take us back: wrong token and the like. */
  fatal(error: unknown): void;
  notice(text: string): void;
};

/** Longer than this no lease waits for a slot. */
const QUEUE_MS = 2000;

/** No repetition helps against these: the token is no good (any more), or this program is too old. */
function isFinal(error: unknown): boolean {
  return error instanceof RendtError && !error.retryable && [401, 403, 426].includes(error.status);
}

export function createLoop(setting: Setting): Loop {
  const { slots, held: all, budget, draining, orders } = setting;
  const pace = createPace(slots.length);
  const idle = [...slots].reverse();
  const queue: Held[] = [];
  const backOff = createBackOff();
  const unwell = createBackOff();
  let wellAt = 0;
  let underWay = 0;
  /** Something came back into the budget since the open question was asked. */
  let grown = false;
  let running = 0;
  let claimed = 0;
  let polling: AbortController | undefined;
  let restUntil = 0;
  let busyAt = performance.now();
  let patience: NodeJS.Timeout | undefined;
  let finish: () => void;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });

  function wanted(): Want {
    if (draining.aborted || orders.drained || !setting.isAwake() || performance.now() < wellAt) return { leases: 0 };
    const allowed = setting.allowed();
    const room = allowed === 0 ? 0 : allowed + pace.ahead() - running - queue.length - underWay;
    const leases = Math.max(0, Math.min(room, setting.most - claimed - underWay, MAX_LEASES_PER_REQUEST));
    underWay += leases;
    return leases === 0 ? { leases } : { leases, free: budget.lend() };
  }

  function answered({ leases, free }: Want): void {
    underWay -= leases;
    if (free) budget.repay(free);
    // The open question was asked with less.
    if (grown && underWay > 0) polling?.abort();
  }

  function accept(leases: readonly Lease[], { askedAt, want }: Claim): void {
    answered(want);
    claimed += leases.length;
    const fresh = leases.map((lease) => hold(lease, askedAt));
    if (fresh.length > 0) {
      for (const held of fresh) all.set(held.lease.id, held);
      if (isRecorded(fresh)) queue.push(...fresh.filter(hasRoom));
      setting.changed();
    }
    dispatch();
  }

  /** A machine that can't do one thing now should not take the next at once and give it back as well. */
  function rest(): void {
    const ms = unwell.nextMs();
    wellAt = performance.now() + ms;
  }

  /** A disk that can't take a line can't take a job. */
  function isRecorded(fresh: readonly Held[]): boolean {
    try {
      setting.journal.write(fresh.map((held) => ({ is: "claimed" as const, lease: held.lease })));
      return true;
    } catch (error) {
      const message = messageOf(error);
      setting.notice(`the journal can't be written: ${message}; work is given back`);
      for (const held of fresh) {
        giveBack(held, `this worker can't write its journal: ${message}`);
        held.over = true;
      }
      rest();
      return false;
    }
  }

  /** A server that knows no budgets, or an answer that crossed another, may bring more than there is. */
  function hasRoom(held: Held): boolean {
    held.gpus = budget.take(held.lease);
    if (held.gpus) return true;
    giveBack(held, "what it asks for is not left on this worker");
    held.over = true;
    return false;
  }

  function leave({ lease }: Held): void {
    grown = budget.giveBack(lease.id) || grown;
  }

  function dispatch(): void {
    if (draining.aborted) giveBackQueue(0, "this worker stops");
    if (orders.drained && queue.length > 0) giveBackQueue(0, "this worker is drained");
    if (setting.allowed() === 0 && queue.length > 0) giveBackQueue(0, "this worker's owner needs the machine");
    while (queue.length > 0 && isOpen()) {
      const held = queue.shift();
      const slot = idle.pop();
      if (held && slot) void start(slot, held);
    }
    mindQueue();
    const ended = draining.aborted || claimed >= setting.most;
    if (ended && running === 0 && queue.length === 0) finish();
    else void poll();
  }

  const isOpen = () => idle.length > 0 && running < setting.allowed();

  async function start(slot: Slot, held: Held): Promise<void> {
    running += 1;
    const began = performance.now();
    const tasks = held.upTo - held.from;
    if (await setting.run(slot, held)) {
      unwell.reset();
      pace.took(performance.now() - began, tasks);
    } else rest();
    leave(held);
    running -= 1;
    busyAt = performance.now();
    idle.push(slot);
    dispatch();
  }

  /** Looks again when the oldest in the queue has waited long enough: other tasks that end meanwhile must not put this off. */
  function mindQueue(): void {
    clearTimeout(patience);
    const [oldest] = queue;
    if (!oldest) return;
    const left = Math.max(1, Math.ceil(oldest.claimedAt + QUEUE_MS - performance.now()));
    patience = setTimeout(() => {
      giveBackQueue(QUEUE_MS, "all slots of this worker are busy");
      // Younger ones are left; and timers fire up to a millisecond early.
      mindQueue();
    }, left);
  }

  function giveBackQueue(olderThanMs: number, reason: string): void {
    const limit = performance.now() - olderThanMs;
    for (const held of queue.splice(0)) {
      if (held.claimedAt > limit) queue.push(held);
      else {
        giveBack(held, reason);
        held.over = true;
        leave(held);
        if (olderThanMs > 0) pace.waited();
      }
    }
    setting.changed();
  }

  /** Asks while a slot is idle and no finish is about to bring work. */
  async function poll(): Promise<void> {
    if (polling) return;
    const closing = new AbortController();
    polling = closing;
    const signal = AbortSignal.any([draining, closing.signal]);
    try {
      // A task that ended just now is handed in first: that call asks for work as well.
      await nextTurn();
      while (!signal.aborted && isOpen() && queue.length === 0) {
        const restMs = Math.ceil(Math.max(restUntil, wellAt) - performance.now());
        if (restMs > 0) {
          await sleep(restMs, signal);
          // What happened meanwhile may call for more rest, or for none; and timers fire up to a millisecond early.
          continue;
        }
        grown = false;
        const want = wanted();
        // A drained worker asks for nothing but to hear of its end; while it holds something the heartbeat hears that.
        if (want.leases === 0 && !(orders.drained && all.size === 0)) break;
        const askedAt = asked();
        const idleMs = running > 0 ? 0 : Math.round(performance.now() - busyAt);
        const state = { idleMs, draining: orders.drained, holding: all.size };
        const claim = { worker: setting.workerId, ...want, wait: MAX_WAIT_MS, ...state };
        try {
          const { leases, retryAfterMs, draining: drained } = await setting.client.claim(claim, { signal });
          backOff.reset();
          // Counted from the question: a server that held it open wants to be asked again at once.
          if (leases.length === 0) restUntil = askedAt.monotonic + retryAfterMs;
          accept(leases, { askedAt, want });
          orders.hear(drained);
        } catch (error) {
          answered(want);
          if (signal.aborted) break;
          if (isFinal(error)) return setting.fatal(error);
          await backOff.wait(error, signal);
        }
      }
    } catch {
      // Aborted while it slept.
    } finally {
      polling = undefined;
    }
    // It may have been opened again while the question was being closed.
    if (closing.signal.aborted) void poll();
  }
  draining.addEventListener("abort", dispatch);
  setImmediate(dispatch);

  return {
    wanted,
    accept,
    refused(want) {
      answered(want);
      dispatch();
    },
    askAnew() {
      polling?.abort();
    },
    look() {
      if (!isOpen()) polling?.abort();
      dispatch();
    },
    done,
  };
}
