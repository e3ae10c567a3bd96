import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cloud, openCloud } from "../../../bench/support/cloud.ts";
import { openDynalite } from "../../../bench/support/dynamo.ts";
import type { Client } from "../../../contract/client.ts";
import { FORMS, type Form, formOfEachTest } from "../../support/forms.ts";
import { createJob, createTestWorld, exited, machine, OTHER_WORKER, WORKER } from "../../support/world.ts";

const TRUE = { command: ["true"] };

describe.each(Object.entries(FORMS))("a worker that is drained by its owner, in %s", (_, open) => {
  let form: Form;
  let owner: Client;
  let worker: Client;
  formOfEachTest(open, (opened, clients) => {
    form = opened;
    ({ owner, worker } = clients);
  });

  const claim = (more: object = {}) => worker.claim({ worker: WORKER, leases: 2, draining: false, ...more });

  it("gets nothing new: by a claim, by name or with a finish", async () => {
    await createJob(owner, TRUE);
    const [held] = (await claim({ leases: 1 })).leases;
    expect(await owner.drainWorker({ id: WORKER })).toMatchObject({ id: WORKER, drainingSince: expect.any(Number) });
    const job = await createJob(owner, TRUE);
    expect(await claim()).toMatchObject({ leases: [], draining: true });
    await expect(claim({ job })).rejects.toMatchObject({
      code: "not_available",
      message: expect.stringContaining("it is draining"),
    });
    const items = [{ lease: held?.id ?? "", from: 0, results: [exited(0)] }];
    const finished = await worker.finish({ worker: WORKER, items, leases: 2 });
    expect(finished).toMatchObject({ items: [{ accepted: [{ from: 0, upTo: 1 }] }], leases: [] });
  });

  it("hears of it with a claim or a renewal, and of its end likewise", async () => {
    await createJob(owner, TRUE);
    const [held] = (await claim()).leases;
    const renew = (draining: boolean) => worker.renew({ worker: WORKER, leases: [held?.id ?? ""], draining });
    expect(await renew(false)).toMatchObject({ draining: false, items: [{ state: "held" }] });
    await owner.drainWorker({ id: WORKER });
    expect(await renew(false)).toMatchObject({ draining: true, items: [{ state: "held" }] });
    await owner.resumeWorker({ id: WORKER });
    expect(await renew(true)).toMatchObject({ draining: false });
    const next = await createJob(owner, TRUE);
    const { leases, draining } = await claim({ draining: true });
    expect([draining, leases.map(({ job }) => job)]).toEqual([false, [next]]);
  });

  it("is drained once it says that nothing is in its hands", async () => {
    const show = () => owner.showWorker({ id: WORKER });
    await claim({ holding: 0 });
    expect((await show()).drainedAt).toBeUndefined();
    await owner.drainWorker({ id: WORKER });
    await claim({ holding: 1 });
    expect((await show()).drainedAt).toBeUndefined();
    await claim({ holding: 0 });
    expect((await show()).drainedAt).toEqual(expect.any(Number));
    expect((await owner.listWorkers({})).items).toEqual([await show()]);
    const resumed = await owner.resumeWorker({ id: WORKER });
    expect([resumed.drainingSince, resumed.drainedAt]).toEqual([undefined, undefined]);
  });

  it("stays so when it registers again, and when it is ordered twice", async () => {
    const first = await owner.drainWorker({ id: WORKER });
    expect(await owner.drainWorker({ id: WORKER })).toEqual(first);
    await worker.register(machine());
    expect(await claim()).toMatchObject({ leases: [], draining: true });
    await owner.resumeWorker({ id: WORKER });
    const again = await owner.resumeWorker({ id: WORKER });
    expect(again.drainingSince).toBeUndefined();
    const admin = await form.as("main", "admin");
    const deeds = (await admin.audit({})).items.map(({ what, target }) => [what, target]);
    expect(deeds.sort()).toEqual([
      ["worker.drain", WORKER],
      ["worker.resume", WORKER],
    ]);
  });

  it("is its account's or an admin's to order, and nobody else's", async () => {
    const admin = await form.as("other", "admin");
    expect(await admin.drainWorker({ id: WORKER })).toHaveProperty("drainingSince");
    const stranger = await form.as("other", "submitter");
    await expect(stranger.resumeWorker({ id: WORKER })).rejects.toMatchObject({ code: "not_found" });
    await expect(worker.resumeWorker({ id: WORKER })).rejects.toMatchObject({ code: "wrong_role" });
    await expect(owner.drainWorker({ id: "w00000000000x" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("does not fit in explain, which says how it would", async () => {
    const id = await createJob(owner, TRUE);
    await owner.drainWorker({ id: WORKER });
    const { reasons, workers } = await owner.explain({ id });
    expect(reasons).toContain("no worker of the account can take it now");
    expect(workers).toMatchObject([
      { fits: false, reasons: [expect.stringContaining(`rendt worker resume ${WORKER}`)] },
    ]);
  });
});

it("a worker that waits for work hears at once that it is drained, and a drained one that it is resumed", async () => {
  const world = await createTestWorld();
  try {
    await world.worker.register(machine());
    const wait = 20_000;
    const idle = world.worker.claim({ worker: WORKER, leases: 1, wait, draining: false });
    await world.submitter.drainWorker({ id: WORKER });
    expect(await idle).toMatchObject({ leases: [], draining: true, retryAfterMs: 0 });
    const drained = world.worker.claim({ worker: WORKER, leases: 0, wait, draining: true, holding: 0 });
    const id = await createJob(world.submitter, TRUE);
    await world.submitter.resumeWorker({ id: WORKER });
    expect(await drained).toMatchObject({ draining: false, retryAfterMs: 0 });
    const { leases } = await world.worker.claim({ worker: WORKER, leases: 1, draining: false });
    expect(leases.map(({ job }) => job)).toEqual([id]);
    const listening = { worker: WORKER, leases: leases.map((lease) => lease.id), renew: false, wait, draining: false };
    const busy = world.worker.renew(listening);
    await world.submitter.drainWorker({ id: WORKER });
    expect(await busy).toMatchObject({ draining: true, items: [{ state: "held" }] });
  } finally {
    await world.close();
  }
});

it("a task that a worker gave back is not kept for one that is draining", async () => {
  const world = await createTestWorld();
  try {
    for (const id of [WORKER, OTHER_WORKER]) {
      await world.worker.register(machine(id));
      await world.worker.claim({ worker: id, leases: 1 });
    }
    await createJob(world.submitter, TRUE);
    const claim = async () => (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
    const [held] = await claim();
    const end = { kind: "released", reason: "a test" } as const;
    await world.worker.finish({ worker: WORKER, items: [{ lease: held?.id ?? "", from: 0, results: [], end }] });
    expect(await claim()).toEqual([]);
    await world.submitter.drainWorker({ id: OTHER_WORKER });
    await world.worker.claim({ worker: OTHER_WORKER, leases: 1 });
    expect(await claim()).toHaveLength(1);
  } finally {
    await world.close();
  }
});

describe("where several processes serve", () => {
  let clouds: Cloud[];
  let close: () => Promise<void>;
  beforeEach(async () => {
    const dynamo = await openDynalite();
    clouds = [await openCloud({ dynamo }), await openCloud({ dynamo })];
    close = async () => {
      for (const cloud of clouds) await cloud.close();
      await dynamo.close();
    };
  });
  afterEach(() => close());

  it("one that was not told of an order does not take it back: what the worker knows makes it look", async () => {
    const [here, there] = await Promise.all(clouds.map((cloud) => cloud.as("worker")));
    if (!here || !there) throw new Error("two clouds");
    await here.register(machine());
    const ask = (client: Client, draining: boolean) => client.claim({ worker: WORKER, leases: 1, draining });
    await ask(there, false);
    const owner = await clouds[0]?.as("submitter");
    await owner?.drainWorker({ id: WORKER });
    expect(await ask(here, false)).toMatchObject({ draining: true });
    expect(await ask(there, true)).toMatchObject({ draining: true });
    await owner?.resumeWorker({ id: WORKER });
    expect(await ask(here, true)).toMatchObject({ draining: false });
    expect(await ask(there, false)).toMatchObject({ draining: false });
  });
});
