import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { sleep } from "../../contract/retry.ts";
import { lease } from "../../contract/worker.ts";
import { createBudget } from "../../worker/budget.ts";
import type { Held } from "../../worker/held.ts";
import { openJournal } from "../../worker/journal.ts";
import { createLoop } from "../../worker/loop.ts";
import { createOrders } from "../../worker/orders.ts";
import type { Slot } from "../../worker/sandbox/port.ts";

afterEach(() => vi.useRealTimers());

it("gives leases that it holds ahead back after 2 s, whatever ends meanwhile", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const { held, isQuiet } = openLoop([...Array.from({ length: 3 }, () => 0), ...Array.from({ length: 8 }, () => 1500)]);
  const over = () => [...held.values()].filter((one) => one.over);
  while (!isQuiet()) await nextTurn();
  expect(over()).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(1990);
  expect(over()).toHaveLength(4);
  await vi.advanceTimersByTimeAsync(20);
  expect(over().filter(({ end }) => end?.kind === "released")).toHaveLength(6);
});

/** A loop on one slot whose leases take as many milliseconds as told. */
function openLoop(durations: readonly number[]): { held: Map<string, Held>; isQuiet(): boolean } {
  const folder = mkdtempSync(join(tmpdir(), "rendt-loop-"));
  const { journal } = openJournal(join(folder, "journal"), fail);
  const draining = new AbortController();
  onTestFinished(() => {
    draining.abort();
    journal.close();
    rmSync(folder, { recursive: true });
  });
  const held = new Map<string, Held>();
  const waiting = durations.map((_, at) => leaseOf(at));
  createLoop({
    client: {
      claim: async ({ leases: count }, { signal } = {}) => {
        if (waiting.length === 0) await sleep(25_000, signal);
        return { leases: waiting.splice(0, count), retryAfterMs: 0 };
      },
    },
    workerId: "w000000000000",
    slots: [{ number: 0, user: undefined, run: fail, freeze: fail, thaw: fail, use: fail } satisfies Slot],
    held,
    budget: createBudget({ cpus: 1, memoryBytes: 0, diskBytes: 0, gpus: [], roomNow: async () => 0 }),
    journal,
    async run(_, { lease: { id } }) {
      const one = held.get(id);
      const ms = durations[Number(id)] ?? 0;
      if (ms > 0) await sleep(ms);
      if (one) one.over = true;
      return true;
    },
    changed: () => undefined,
    allowed: () => 1,
    orders: createOrders(() => undefined),
    isAwake: () => true,
    most: Number.POSITIVE_INFINITY,
    draining: draining.signal,
    fatal: fail,
    notice: fail,
  });
  return { held, isQuiet: () => waiting.length === 0 };
}

const leaseOf = (at: number) =>
  lease.parse({
    ...{ id: `${at}`, job: `j${at}`, round: 0, from: 0, upTo: 1, try: 1, goodForMs: 60_000 },
    ...{ renewFirst: false, watch: false, spec: { command: ["true"] }, grants: {} },
  });

function fail(problem?: unknown): never {
  throw new Error(`not expected here: ${problem}`);
}
