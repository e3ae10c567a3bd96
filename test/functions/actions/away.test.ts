import { describe, expect, it } from "vitest";
import { openCloud } from "../../../bench/support/cloud.ts";
import { openDynalite } from "../../../bench/support/dynamo.ts";
import type { Client } from "../../../contract/client.ts";
import type { AwayReason } from "../../../contract/worker.ts";
import { FORMS, type Form, formOfEachTest } from "../../support/forms.ts";
import { createJob, createTestWorld, exited, MINUTE, machine, OTHER_WORKER, WORKER } from "../../support/world.ts";

const TRUE = { command: ["true"] };

describe.each(Object.entries(FORMS))("a worker that says that it is away, in %s", (_, open) => {
  let form: Form;
  let owner: Client;
  let worker: Client;
  formOfEachTest(open, (opened, clients) => {
    form = opened;
    ({ owner, worker } = clients);
  });

  const tell = (away: AwayReason) => worker.claim({ worker: WORKER, leases: 0, away });
  const claim = () => worker.claim({ worker: WORKER, leases: 1 });
  const shown = async () => (await owner.showWorker({ id: WORKER })).away;

  it("is shown so until it asks again, with the time at which it was told first", async () => {
    await claim();
    const since = form.clock();
    expect(await tell("resting")).toMatchObject({ leases: [], retryAfterMs: 0 });
    expect(await shown()).toEqual({ since, why: "resting" });
    await form.pass(7 * MINUTE);
    await tell("resting");
    expect((await owner.listWorkers({})).items[0]?.away).toEqual({ since, why: "resting" });
    await tell("stopped");
    expect(await shown()).toEqual({ since: form.clock(), why: "stopped" });
    await claim();
    expect(await shown()).toBeUndefined();
  });

  it("can say so again within the minute in which a server believes what it knows", async () => {
    await tell("stopped");
    await worker.register(machine());
    expect(await shown()).toBeUndefined();
    await tell("stopped");
    expect(await shown()).toMatchObject({ why: "stopped" });
  });

  it("is away while it renews and hands in, and there again when it asks for work with that", async () => {
    await createJob(owner, TRUE);
    await createJob(owner, TRUE);
    const { leases } = await worker.claim({ worker: WORKER, leases: 2 });
    const [first = "", second = ""] = leases.map(({ id }) => id);
    const finish = (lease: string, wanted: number) => {
      const items = [{ lease, from: 0, results: [exited(0)] }];
      return worker.finish({ worker: WORKER, items, leases: wanted });
    };
    await tell("resting");
    await worker.renew({ worker: WORKER, leases: [first, second], paused: [first] });
    await finish(first, 0);
    await form.pass(5 * MINUTE);
    await worker.renew({ worker: WORKER, leases: [second] });
    expect(await owner.showWorker({ id: WORKER })).toMatchObject({
      lastSeenAt: form.clock(),
      away: { why: "resting" },
    });
    await finish(second, 1);
    expect(await shown()).toBeUndefined();
  });

  it("does not fit in explain, which says no more than that it rests or when it stopped", async () => {
    const job = await createJob(owner, TRUE);
    const explained = async () => {
      const { reasons, workers } = await owner.explain({ id: job });
      return [reasons.includes("no worker of the account can take it now"), workers[0]?.state, workers[0]?.reasons];
    };
    expect(await explained()).toEqual([false, "ready", []]);
    await tell("resting");
    // Longer than others are believed to be there.
    await form.pass(30 * MINUTE);
    const rests = "rests: its owner's rules hold it back now (`rendt worker why` on its machine)";
    expect(await explained()).toEqual([true, "resting", [rests]]);
    await tell("stopped");
    expect(await explained()).toEqual([true, "stopped", ["stopped less than a minute ago"]]);
    await form.pass(5 * MINUTE);
    expect(await explained()).toEqual([true, "stopped", ["stopped 5 minutes ago"]]);
    await form.pass(600 * MINUTE);
    expect(await explained()).toEqual([true, "stopped", ["stopped 10 hours ago"]]);
    await form.pass(6000 * MINUTE);
    expect(await explained()).toEqual([true, "stopped", ["stopped 5 days ago"]]);
  });

  it("still counts among those that a job may wait for", async () => {
    await tell("stopped");
    const jobs = [{ spec: TRUE }, { spec: { ...TRUE, limits: { cpus: 4000 } } }];
    const { items } = await owner.create({ jobs });
    expect(items.map((item) => "warning" in item && item.warning !== undefined)).toEqual([false, true]);
  });

  it("is drained when it leaves with nothing in its hands, and orders pass it by", async () => {
    await owner.drainWorker({ id: WORKER });
    await worker.claim({ worker: WORKER, leases: 0, away: "stopped", holding: 0 });
    expect(await owner.showWorker({ id: WORKER })).toMatchObject({
      drainedAt: expect.any(Number),
      away: { why: "stopped" },
    });
    await owner.resumeWorker({ id: WORKER });
    expect(await shown()).toMatchObject({ why: "stopped" });
  });

  it("claims nothing with that, says nothing else, and speaks for itself only", async () => {
    const refusal = { code: "bad_request", message: expect.stringContaining("who is away claims nothing") };
    await expect(worker.claim({ worker: WORKER, leases: 1, away: "resting" })).rejects.toMatchObject(refusal);
    const named = worker.claim({ worker: WORKER, leases: 0, away: "resting", job: "j000000000000" });
    await expect(named).rejects.toMatchObject(refusal);
    // @ts-expect-error -- another word
    await expect(tell("user_present")).rejects.toMatchObject({ code: "bad_request" });
    const unknown = worker.claim({ worker: OTHER_WORKER, leases: 0, away: "stopped" });
    await expect(unknown).rejects.toMatchObject({ code: "not_found" });
    const stranger = await form.as("other", "worker");
    const meddling = stranger.claim({ worker: WORKER, leases: 0, away: "stopped" });
    await expect(meddling).rejects.toMatchObject({ code: "not_found" });
    expect(await shown()).toBeUndefined();
  });
});

it("where several processes serve, one that was not told of the rest ends it within the minute in which it believes what it knows", async () => {
  const dynamo = await openDynalite();
  const clouds = [await openCloud({ dynamo }), await openCloud({ dynamo })];
  try {
    const [here, there] = await Promise.all(clouds.map((cloud) => cloud.as("worker")));
    const owner = await clouds[0]?.as("submitter");
    if (!here || !there || !owner) throw new Error("two clouds");
    const shown = async () => (await owner.showWorker({ id: WORKER })).away?.why;
    await here.register(machine());
    await there.claim({ worker: WORKER, leases: 1 });
    await here.claim({ worker: WORKER, leases: 0, away: "resting" });
    await there.claim({ worker: WORKER, leases: 1 });
    for (const cloud of clouds) cloud.pass(MINUTE);
    await there.claim({ worker: WORKER, leases: 1 });
    expect(await shown()).toBeUndefined();
    // The other one still believes in the rest: it neither brings it back nor is kept from hearing of the next.
    await here.claim({ worker: WORKER, leases: 1 });
    expect(await shown()).toBeUndefined();
    await there.claim({ worker: WORKER, leases: 0, away: "resting" });
    expect(await shown()).toBe("resting");
    await here.claim({ worker: WORKER, leases: 0, away: "stopped" });
    expect(await shown()).toBe("stopped");
  } finally {
    for (const cloud of clouds) await cloud.close();
    await dynamo.close();
  }
});

it("an order that crosses the word of a worker loses neither", async () => {
  const world = await createTestWorld();
  try {
    await world.worker.register(machine());
    await Promise.all([
      world.worker.claim({ worker: WORKER, leases: 0, away: "resting" }),
      world.submitter.drainWorker({ id: WORKER }),
    ]);
    expect(await world.submitter.showWorker({ id: WORKER })).toMatchObject({
      drainingSince: expect.any(Number),
      away: { why: "resting" },
    });
  } finally {
    await world.close();
  }
});
