import { expect, it } from "vitest";
import { createSweep } from "../../../functions/actions/sweep.ts";
import {
  createJob,
  HOUR,
  MINUTE,
  machine,
  SECOND,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
});

const TRUE = { command: ["true"] };
const claim = async () => (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
const written = async () => (await world.store.get("sweep", ["sweep"]))[0];

it("a clock that ran ten hours ahead does not keep a lease for ten hours", async () => {
  const id = await createJob(world.submitter, TRUE);
  world.outage(10 * HOUR);
  await world.pass(3 * MINUTE);
  expect(await claim()).toMatchObject([{ job: id }]);
  world.outage(-10 * HOUR);
  await world.pass(10 * MINUTE);
  expect(await claim()).toMatchObject([{ job: id }]);
});

it("the time of the last sweep is written every 20 s at most, and outlives the process", async () => {
  const before = await written();
  await world.pass(SECOND);
  expect(await written()).toEqual(before);
  await world.pass(20 * SECOND);
  expect((await written())?.lastSweepAt).toBe(world.clock());
});

it("a record that can't be swept keeps no other one waiting, and is logged", async () => {
  const broken = await createJob(world.submitter, { ...TRUE, delayMs: SECOND });
  const sound = await createJob(world.submitter, { ...TRUE, delayMs: SECOND });
  world.outage(2 * SECOND);
  const get: typeof world.store.get = (kind, ids) =>
    ids.includes(broken) ? Promise.reject(new Error("unreadable")) : world.store.get(kind, ids);
  await createSweep({ ...world.world, store: { ...world.store, get } })();
  expect((await world.worker.available()).items).toEqual([{ id: sound, count: 1 }]);
  expect(world.logged).toMatchObject([["error", "the sweep failed on a record", { id: broken }]]);
  await world.sweep();
  expect((await world.worker.available()).items).toHaveLength(2);
});

it("two sweepers of one store do no harm to each other", async () => {
  const other = createSweep(world.world);
  await createJob(world.submitter, { ...TRUE, delayMs: SECOND });
  for (let minute = 0; minute < 3; minute += 1) {
    await Promise.all([other(), world.pass(MINUTE)]);
  }
  expect(await claim()).toHaveLength(1);
  expect(world.logged).toEqual([]);
});
