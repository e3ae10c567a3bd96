import { afterEach, beforeEach, expect, it } from "vitest";
import { asked, hold } from "../../../worker/held.ts";
import { createFloor } from "../../../worker/owner-rules/floor.ts";
import type { Slot } from "../../../worker/sandbox/port.ts";
import { createJob, createTestWorld, machine, type TestWorld, WORKER } from "../../support/world.ts";

const MINUTE = 60_000;

let world: TestWorld;
beforeEach(async () => {
  world = await createTestWorld();
  await world.worker.register(machine());
});
afterEach(() => world.close());

/** A floor with one task in a slot, on a clock that a test sets. */
async function work() {
  let now = 0;
  const floor = createFloor({
    steady: () => now,
    giveBackAfterMs: () => 10 * MINUTE,
    changed() {},
    notice() {},
  });
  await createJob(world.submitter, { command: ["true"] });
  const [lease] = (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
  if (!lease) throw new Error("nothing to claim");
  const held = hold(lease, asked());
  const slot: Slot = {
    number: 0,
    user: undefined,
    run: () => Promise.reject(new Error("no command runs here")),
    freeze: async () => {},
    thaw() {},
    use: async () => undefined,
  };
  let leave = () => {};
  const over = floor.during(slot, held, () => new Promise((resolve) => (leave = () => resolve(true))));
  const isGivenBack = () => {
    floor.tick();
    return held.end?.kind === "released";
  };
  return { floor, held, isGivenBack, set: (ms: number) => (now = ms), leave: () => leave(), over };
}

it("gives back what has stood still for so long without a break, not sooner", async () => {
  const { floor, held, isGivenBack, set, leave, over } = await work();
  set(60 * MINUTE);
  expect(isGivenBack()).toBe(false);
  floor.allow(0);
  expect(isGivenBack()).toBe(false);
  set(69 * MINUTE);
  expect(isGivenBack()).toBe(false);
  floor.allow(1);
  floor.allow(0);
  set(79 * MINUTE - 1);
  expect(isGivenBack()).toBe(false);
  set(79 * MINUTE);
  expect(isGivenBack()).toBe(true);
  expect(held.end).toMatchObject({ reason: "paused by the machine's owner for 10m" });
  leave();
  await over;
  expect(floor.places()).toEqual([]);
});
