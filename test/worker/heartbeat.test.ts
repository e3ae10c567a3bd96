import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Client } from "../../contract/client.ts";
import { MAX_LEASES_PER_REQUEST, MAX_RENEWED_LEASES } from "../../contract/limits.ts";
import type { RequestOf } from "../../contract/operations.ts";
import type { Lease } from "../../contract/worker.ts";
import { createHeartbeat, type Heartbeat } from "../../worker/heartbeat.ts";
import { asked, type Held, hold } from "../../worker/held.ts";
import { createOrders } from "../../worker/orders.ts";
import { createJob, createTestWorld, machine, type TestWorld, WORKER } from "../support/world.ts";
import { until } from "./processes.ts";

let world: TestWorld;
const beating: Heartbeat[] = [];
beforeEach(async () => {
  world = await createTestWorld();
  await world.worker.register(machine());
});
afterEach(async () => {
  for (const heartbeat of beating.splice(0)) heartbeat.close();
  await world.close();
});

/** A heartbeat of these leases, and what it asks the server. */
function beatFor(leases: readonly Held[]) {
  const asks: RequestOf<"renew">[] = [];
  const client: Client = {
    ...world.worker,
    renew(request, options) {
      asks.push(request);
      return world.worker.renew(request, options);
    },
  };
  const heartbeat = createHeartbeat({
    client,
    workerId: WORKER,
    held: new Map(leases.map((held) => [held.lease.id, held])),
    orders: createOrders(() => {}),
    renewEveryMs: 20_000,
    changed() {},
    awoke() {},
    notice() {},
  });
  beating.push(heartbeat);
  return { heartbeat, asks };
}

/** Claims tasks of a new job, a lease each. */
async function claimEach(count: number): Promise<{ job: string; leases: Lease[] }> {
  // One more than may run at once: so each lane is a slice of its own.
  const job = await createJob(world.submitter, { command: ["true"], array: { count: count + 1, limit: count } });
  const leases: Lease[] = [];
  while (leases.length < count) {
    const want = Math.min(MAX_LEASES_PER_REQUEST, count - leases.length);
    const claimed = (await world.worker.claim({ worker: WORKER, leases: want })).leases;
    if (claimed.length === 0) throw new Error(`${leases.length} of ${count} leases are to be had`);
    leases.push(...claimed);
  }
  return { job, leases };
}

/** As after a claim that was long ago. */
const stale = (lease: Lease): Held => hold({ ...lease, renewFirst: true }, asked());

describe("a worker with more leases than a call takes", { timeout: 60_000 }, () => {
  it("renews each of them once, whichever are being delivered or stand still, and hears of each that is lost", async () => {
    const { leases } = await claimEach(3);
    const [sample] = leases;
    if (!sample) throw new Error("nothing was claimed");
    const flags = fc.record({ over: fc.boolean(), paused: fc.boolean() });
    const others = fc.integer({ min: 0, max: 3 * MAX_RENEWED_LEASES });
    const places = fc.array(fc.nat(), { minLength: leases.length, maxLength: leases.length });
    await fc.assert(
      fc.asyncProperty(others, places, fc.infiniteStream(flags), async (count, places, flags) => {
        const mine = leases.map(stale);
        const gone = Array.from({ length: count }, (_, at) => stale({ ...sample, id: `unknown-${at}` }));
        const all = [...gone];
        for (const [at, held] of mine.entries()) all.splice((places[at] ?? 0) % (all.length + 1), 0, held);
        for (const held of all) Object.assign(held, flags.next().value);
        const { heartbeat, asks } = beatFor(all);

        expect(await Promise.all(mine.map((held) => heartbeat.fresh(held)))).toEqual(mine.map(() => true));
        expect(gone.filter((held) => held.gone.signal.reason !== "lost")).toEqual([]);
        const first = asks.slice(0, Math.ceil(all.length / MAX_RENEWED_LEASES));
        expect(first.flatMap((ask) => ask.leases)).toEqual(all.map(({ lease }) => lease.id));
        for (const { leases, delivering = [], paused = [] } of first) {
          const asked = all.filter(({ lease }) => leases.includes(lease.id));
          expect(delivering).toEqual(asked.filter(({ over }) => over).map(({ lease }) => lease.id));
          expect(paused).toEqual(asked.filter(({ paused }) => paused).map(({ lease }) => lease.id));
        }
      }),
      { numRuns: 8 },
    );
  });

  it("hears at once which of them were cancelled", async () => {
    const [kept, cancelled] = [await claimEach(600), await claimEach(600)];
    const [running, ended] = [kept, cancelled].map(({ leases }) => leases.map((lease) => hold(lease, asked())));
    const { heartbeat, asks } = beatFor([...(running ?? []), ...(ended ?? [])]);
    heartbeat.look();
    await until(() => asks.length === 2);
    await world.submitter.cancel({ ids: [cancelled.job] });
    await until(() => (ended ?? []).every(({ gone }) => gone.signal.reason === "cancelled"));
    expect(asks.filter(({ renew }) => renew !== false)).toEqual([]);
    expect(running?.filter(({ gone }) => gone.signal.aborted)).toEqual([]);
  });
});
