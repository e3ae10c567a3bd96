import { uptime } from "node:os";
import { deliver, isHashed } from "./deliver.ts";
import { type Finished, giveBack, type Held, NOT_FRESH } from "./held.ts";
import { createInputs } from "./inputs.ts";
import type { OpenLease } from "./journal.ts";
import { OFFER_MS } from "./outbox.ts";
import type { Workshop } from "./workshop.ts";

/**
 * Settles what an earlier life left: its results are offered, a child that ended unseen is reported as vanished, the rest is given back.
 * Its processes are dead by now.
 */
export function recover(shop: Workshop, all: Map<string, Held>, open: readonly OpenLease[]): void {
  for (const left of open) {
    const held: Held = {
      lease: left.lease,
      items: undefined,
      grants: {},
      from: left.from,
      upTo: left.lease.upTo,
      finished: [],
      over: true,
      gone: new AbortController(),
      freshness: NOT_FRESH,
      watch: false,
      claimedAt: performance.now(),
    };
    all.set(left.lease.id, held);
    for (const finished of usable(left)) {
      held.finished.push(finished);
      if (finished.ready) continue;
      const inputs = async () => createInputs(held, shop)?.manifest(finished.position);
      void shop.deliveries.add(() => deliver(shop, { held, finished, inputs }));
    }
    const next = left.from + held.finished.length;
    const unseen = left.spawned?.position === next || left.results.some(({ position }) => position >= next);
    if (next < held.upTo && unseen) held.end = { kind: "vanished" };
    else if (next < held.upTo) giveBack(held, "this worker was started again");
    const { job } = left.lease;
    if (held.finished.length > 0) shop.notice(`${job}: results of an earlier run are offered: ${held.finished.length}`);
    if (held.end?.kind === "vanished") shop.notice(`${job}: a task of an earlier run ended unseen`);
  }
}

/** Consecutive results that can still be told: whose bytes are in them, on a disk that has not lost power since, or can be told by their hashes. */
function usable({ from, results }: OpenLease): Finished[] {
  const bootedAt = Date.now() - uptime() * 1000;
  const found: Finished[] = [];
  for (const { position, at, result, files } of [...results].sort((a, b) => a.position - b.position)) {
    const unproven = files !== undefined && at < bootedAt;
    const lost = unproven && !isHashed(result);
    if (position !== from + found.length || lost || Date.now() - at > OFFER_MS) break;
    found.push({ position, ready: files === undefined, result, at, ...(files && { files }), unproven });
  }
  return found;
}
