import * as fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { RENEWAL_MS } from "../../../contract/limits.ts";
import { createTold } from "../../../functions/actions/told.ts";
import { createJob, createTestWorld, MINUTE, machine, WORKER } from "../../support/world.ts";

describe("what workers were told of watchers", () => {
  it("is forgotten when a worker vanished without a word", async () => {
    const world = await createTestWorld();
    onTestFinished(() => world.close());
    await world.worker.register(machine());
    const watched = async () => {
      const id = await createJob(world.submitter, { command: ["true"] });
      const [lease] = (await world.worker.claim({ worker: WORKER, leases: 1, job: id })).leases;
      if (!lease) throw new Error("nothing to claim");
      await world.submitter.logs({ id, follow: "true" });
      const { items } = await world.worker.renew({ worker: WORKER, leases: [lease.id] });
      expect(items).toMatchObject([{ state: "held", watch: true }]);
      return lease.id;
    };
    const { told } = world.world;
    const vanished = await watched();
    expect(told.has(vanished)).toBe(true);
    await world.pass(3 * MINUTE);
    const alive = await watched();
    expect([vanished, alive].map((lease) => told.has(lease))).toEqual([false, true]);
  });

  it("is the last word of those who asked within the span of a renewal", () => {
    const word = fc.record({
      lease: fc.constantFrom("a", "b", "c", "d"),
      watch: fc.boolean(),
      afterMs: fc.integer({ min: 0, max: RENEWAL_MS }),
    });
    void fc.assert(
      fc.property(fc.array(word), (words) => {
        const told = createTold();
        const last = new Map<string, { watch: boolean; at: number }>();
        let now = 0;
        for (const { lease, watch, afterMs } of words) {
          now += afterMs;
          told.note(lease, watch, now);
          last.set(lease, { watch, at: now });
          for (const [each, { watch, at }] of last) {
            expect(told.has(each)).toBe(watch && now - at <= RENEWAL_MS);
          }
        }
      }),
    );
  });
});
