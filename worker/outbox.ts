import type { Client } from "../contract/client.ts";
import { messageOf, RendtError } from "../contract/errors.ts";
import { MAX_LEASES_PER_REQUEST } from "../contract/limits.ts";
import type { FinishItem, Lease } from "../contract/worker.ts";
import { createBackOff } from "./back-off.ts";
import { asked, type Claim, type Finished, type Held, type Want } from "./held.ts";
import type { Journal, JournalEntry } from "./journal.ts";

/**
 * Hands results in: whatever is ready goes in one call, and one call is under way at a time. Nothing leaves here before the server has
 * answered for it; an unanswered call is repeated for ever, joined by what became ready meanwhile.
 */
export type Outbox = {
  /** Something about a held lease changed: send what is due. */
  look(): void;
  /** Resolves when nothing is left to hand in, or when the signal aborts. */
  empty(signal: AbortSignal): Promise<void>;
  close(): void;
};

type Setting = {
  client: Client;
  workerId: string;
  /** How long results of a lease that goes on wait for each other; the server's wish. */
  gatherMs?: number | undefined;
  held: Map<string, Held>;
  journal: Journal;
  /** What the answer should bring, and who takes it. */
  wanted(): Want;
  accept(leases: readonly Lease[], claim: Claim): void;
  refused(want: Want): void;
  /** A result is off our hands: its files may go. */
  released(finished: Finished): void;
  /** A result does not count: its lease was cancelled, or somebody else has the task. */
  lost(held: Held, finished: Finished): void;
  /** The set of held leases changed. */
  changed(): void;
  /** Sends its bytes again: the server did not find them. */
  deliverAgain(held: Held, finished: Finished): void;
  notice(text: string): void;
};

/** Results of a lease that goes on are gathered this long unless the server wishes otherwise: a commit each would cost an array a quarter of its speed. */
const GATHER_MS = 200;
/** While the slots have more than enough at hand, results of single jobs share a call: each call is a commit and a sync of the server. */
const SHARE_MS = 5;
/** Below MAX_DOCUMENT_BYTES, which holds the results of one item; and of a request below MAX_BODY_BYTES. */
const MAX_ITEM_JSON = 200 * 1024;
const MAX_REQUEST_JSON = 3 * 1024 * 1024;

/** How long a result that nobody acknowledges is offered. */
export const OFFER_MS = 7 * 86_400_000;

type Sent = { held: Held; item: FinishItem };

export function createOutbox(setting: Setting): Outbox {
  const { held: all, journal, gatherMs = GATHER_MS } = setting;
  const backOff = createBackOff();
  const closing = new AbortController();
  const waiters = new Set<() => void>();
  let busy = false;
  let scheduled = false;
  let alone = false;
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    if (busy || scheduled || closing.signal.aborted) return;
    scheduled = true;
    // Children that ended in the same turn of the loop share one call.
    setImmediate(() => {
      scheduled = false;
      void sendDue();
    });
  }

  async function sendDue(): Promise<void> {
    if (busy || closing.signal.aborted) return;
    clearTimeout(timer);
    dropSettled();
    const sent = gather(all, { alone, gatherMs });
    if (sent.length === 0) {
      const soonest = nextDue(all, gatherMs);
      if (soonest !== undefined) timer = setTimeout(() => void sendDue(), soonest);
      if (all.size === 0) for (const tell of waiters) tell();
      return;
    }
    const age = Date.now() - Math.min(...sent.map(({ held }) => held.finished[0]?.at ?? 0));
    if (hasPlenty(all) && age >= 0 && age < SHARE_MS) {
      timer = setTimeout(() => void sendDue(), SHARE_MS - age);
      return;
    }
    busy = true;
    const askedAt = asked();
    const want = setting.wanted();
    try {
      const request = { worker: setting.workerId, items: sent.map(({ item }) => item), ...want };
      const answer = await setting.client.finish(request, { signal: closing.signal });
      backOff.reset();
      alone = false;
      settle(sent, answer.items);
      setting.accept(answer.leases, { askedAt, want });
    } catch (error) {
      setting.refused(want);
      if (!closing.signal.aborted) await recover(sent, error);
    } finally {
      busy = false;
    }
    look();
  }

  /** Leases that were lost or cancelled, with nothing to tell of them. */
  function dropSettled(): void {
    const before = all.size;
    for (const held of all.values()) {
      const stale = held.finished.some(({ at }) => Date.now() - at > OFFER_MS);
      if (stale) setting.notice(`a result of ${held.lease.job} could not be delivered for 7 days; it is dropped`);
      if (stale || (held.over && held.finished.length === 0 && !held.end)) close(held, held.upTo);
    }
    if (all.size < before) setting.changed();
  }

  /** A refusal for good can only be the fault of what was sent: find the culprit by sending one at a time, and drop it. */
  async function recover(sent: readonly Sent[], error: unknown): Promise<void> {
    const forGood = error instanceof RendtError && [400, 413].includes(error.status);
    if (!forGood) {
      // Until the server is back the results have to outlive this machine, not only this program.
      await journal.sync().catch((failure: Error) => setting.notice(`the journal can't be synced: ${failure.message}`));
      await backOff.wait(error, closing.signal).catch(() => undefined);
    } else if (sent.length > 1) {
      alone = true;
    } else {
      for (const { held } of sent) {
        setting.notice(`the server refuses the result of ${held.lease.job}: ${error.message}; it is dropped`);
        close(held, held.upTo);
      }
    }
  }

  function settle(sent: readonly Sent[], answers: Awaited<ReturnType<Client["finish"]>>["items"]): void {
    const entries: JournalEntry[] = [];
    let anyClosed = false;
    for (const { held, item } of sent) {
      const answer = answers.find(({ lease }) => lease === item.lease);
      if (!answer) continue;
      if (answer.error) {
        repair(held, answer.error);
        continue;
      }
      const upTo = item.from + item.results.length;
      for (const finished of held.finished) if (isIn(answer.lost, finished.position)) setting.lost(held, finished);
      held.finished = held.finished.filter(({ position }) => !isIn(answer.lost, position));
      release(held, upTo);
      const closed = item.end !== undefined || (held.over && upTo >= held.upTo);
      if (closed) all.delete(held.lease.id);
      anyClosed ||= closed;
      entries.push({ is: "delivered", lease: held.lease.id, upTo, closed });
    }
    record(entries);
    if (anyClosed) setting.changed();
  }

  function repair(held: Held, error: { code: string; message: string; details?: Record<string, unknown> | undefined }) {
    const from = error.details?.["from"];
    if (error.code === "gap" && typeof from === "number" && from !== held.from) {
      // An answer was lost: the server has more than we were told.
      release(held, from);
      if (held.finished.length === 0 || held.finished[0]?.position === from) return;
    }
    const first = held.finished[0];
    if (error.code === "outputs_missing" && first) {
      setting.notice(`the server misses outputs of ${held.lease.job}: they are sent again`);
      for (const finished of held.finished.filter(({ ready, files }) => ready && files)) {
        finished.ready = false;
        setting.deliverAgain(held, finished);
      }
      return;
    }
    setting.notice(`the server refuses the result of ${held.lease.job}: ${error.message}; it is dropped`);
    close(held, held.upTo);
  }

  function release(held: Held, upTo: number): void {
    for (const finished of held.finished) if (finished.position < upTo) setting.released(finished);
    held.finished = held.finished.filter(({ position }) => position >= upTo);
    held.from = Math.max(held.from, Math.min(upTo, held.upTo));
  }

  function close(held: Held, upTo: number): void {
    release(held, Number.POSITIVE_INFINITY);
    held.gone.abort("refused");
    all.delete(held.lease.id);
    record([{ is: "delivered", lease: held.lease.id, upTo, closed: true }]);
  }

  /** What can't be recorded as delivered is offered again by the next life, and answered as before. */
  function record(entries: readonly JournalEntry[]): void {
    try {
      if (entries.length > 0) journal.write(entries);
    } catch (error) {
      setting.notice(`the journal can't be written: ${messageOf(error)}`);
    }
  }

  return {
    look,
    empty(signal) {
      if (all.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const done = () => {
          waiters.delete(done);
          resolve();
        };
        waiters.add(done);
        signal.addEventListener("abort", done, { once: true });
      });
    },
    close() {
      clearTimeout(timer);
      closing.abort();
    },
  };
}

const isIn = (spans: readonly { from: number; upTo: number }[], position: number): boolean =>
  spans.some(({ from, upTo }) => from <= position && position < upTo);

/** Whether so much is queued that no slot will have to wait for what the next call brings. */
function hasPlenty(all: ReadonlyMap<string, Held>): boolean {
  let running = 0;
  let queued = 0;
  for (const { over, running: position, finished } of all.values()) {
    if (over) continue;
    if (position !== undefined) running += 1;
    else if (finished.length === 0) queued += 1;
  }
  return queued > 2 * running;
}

/** What is to be sent now: leases that are done with, and results that have waited. */
function gather(all: ReadonlyMap<string, Held>, { alone, gatherMs }: { alone: boolean; gatherMs: number }): Sent[] {
  const sent: Sent[] = [];
  let room = MAX_REQUEST_JSON;
  for (const held of all.values()) {
    if (sent.length >= (alone ? 1 : MAX_LEASES_PER_REQUEST) || room <= 0) break;
    if (!isDue(held, gatherMs)) continue;
    const { item, size } = itemOf(held);
    sent.push({ held, item });
    room -= size;
  }
  return sent;
}

function isDue(held: Held, gatherMs: number): boolean {
  const ready = readyOf(held);
  if (held.over && ready === held.finished.length) return true;
  const first = held.finished[0];
  return ready > 0 && first !== undefined && Date.now() - first.at >= gatherMs;
}

function nextDue(all: ReadonlyMap<string, Held>, gatherMs: number): number | undefined {
  let soonest: number | undefined;
  for (const held of all.values()) {
    const first = held.finished[0];
    if (!first?.ready) continue;
    const left = Math.max(0, first.at + gatherMs - Date.now());
    soonest = Math.min(soonest ?? left, left);
  }
  return soonest;
}

function readyOf({ finished }: Held): number {
  const waiting = finished.findIndex(({ ready }) => !ready);
  return waiting < 0 ? finished.length : waiting;
}

function itemOf(held: Held): { item: FinishItem; size: number } {
  const results: FinishItem["results"] = [];
  let size = 0;
  const ready = readyOf(held);
  for (const { result } of held.finished.slice(0, ready)) {
    const length = JSON.stringify(result).length;
    if (results.length > 0 && size + length > MAX_ITEM_JSON) break;
    results.push(result);
    size += length;
  }
  const last = held.over && results.length === held.finished.length;
  const item = { lease: held.lease.id, from: held.from, results, ...(last && held.end && { end: held.end }) };
  return { item, size };
}
