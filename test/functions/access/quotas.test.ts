import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Quotas } from "../../../contract/account.ts";
import type { Client } from "../../../contract/client.ts";
import type { JobSpecInput } from "../../../contract/job.ts";
import {
  blobOf,
  createTestWorld,
  exited,
  HOUR,
  MINUTE,
  machine,
  SECOND,
  submit,
  type TestWorld,
  WORKER,
} from "../../support/world.ts";

let world: TestWorld;
let lab: Client;
let worker: Client;

async function open(quotas: Quotas): Promise<void> {
  world = await createTestWorld();
  await world.admin.createAccount({ id: "lab", quotas });
  lab = await world.as("lab", "submitter");
  worker = await world.as("lab", "worker");
  await worker.register(machine(WORKER));
}
afterEach(() => world.close());

const used = async () => (await lab.showAccount({ id: "lab" })).used;
const spec = (more: JobSpecInput | object = {}): JobSpecInput => ({ command: ["true"], ...more });
const array = (count: number) => spec({ array: { count } });
const fileOf = (text: string) => ({
  kind: "file" as const,
  path: "in",
  mode: 0o644,
  ...blobOf(new TextEncoder().encode(text)),
});
const tryOne = async (wanted: JobSpecInput, more: object = {}) =>
  (await lab.create({ jobs: [{ ...more, spec: wanted }] })).items[0];
const over = (quota: string, limit: number, now: number, add: number) => ({
  error: { code: "quota_exceeded", details: { quota, limit, now, add } },
});

/** Claims and finishes one lease; answers how many tasks it had. */
async function work(exitCode = 0): Promise<number> {
  const { leases } = await worker.claim({ worker: WORKER, leases: 1 });
  for (const lease of leases) {
    const results = Array.from({ length: lease.upTo - lease.from }, (_, at) => exited(lease.from + at, exitCode));
    await worker.finish({ worker: WORKER, items: [{ lease: lease.id, from: lease.from, results }] });
  }
  return leases.reduce((sum, { from, upTo }) => sum + upTo - from, 0);
}

describe("queued tasks", () => {
  beforeEach(() => open({ queuedTasks: 10 }));

  it("are counted from the release of their job to its end, whatever the end is", async () => {
    const first = await submit(lab, array(4));
    await submit(lab, array(6));
    expect(await used()).toEqual({ queuedTasks: 10 });
    expect(await tryOne(spec())).toMatchObject(over("queuedTasks", 10, 10, 1));
    await lab.cancel({ ids: [first.id] });
    expect(await used()).toEqual({ queuedTasks: 6 });
    while ((await work()) > 0);
    expect(await used()).toEqual({ queuedTasks: 0 });
  });

  it("leave no document of a job that they refuse, and answer a repeated request with its job", async () => {
    const items = Array.from({ length: 10 }, (_, at) => `item ${at}`);
    const [key, other] = ["j000000000k01", "j000000000k02"];
    const long = spec({ command: ["echo", "{}"], items });
    expect(await tryOne(long, { id: key })).toMatchObject({ id: key, existing: false });
    expect(await tryOne(long, { id: key })).toMatchObject({ id: key, existing: true });
    expect(await tryOne(long, { id: other })).toMatchObject(over("queuedTasks", 10, 10, 10));
    const { sha256: hash } = blobOf(new TextEncoder().encode(JSON.stringify(items)));
    const kept = await world.store.getDocuments([key, other].map((job) => ({ job, hash })));
    expect(kept).toEqual([JSON.stringify(items), undefined]);
  });

  it("come back with a retry, which the quota may refuse", async () => {
    const { id } = await submit(lab, array(4));
    while ((await work(1)) > 0);
    expect(await used()).toEqual({ queuedTasks: 0 });
    await submit(lab, array(7));
    expect((await lab.retry({ ids: [id] })).items[0]).toMatchObject(over("queuedTasks", 10, 7, 4));
    await world.admin.changeAccount({ id: "lab", quotas: { queuedTasks: 11 } });
    await lab.retry({ ids: [id] });
    expect(await used()).toEqual({ queuedTasks: 11 });
  });

  it("of a large array are counted as a whole, over all of its slices", async () => {
    await world.admin.changeAccount({ id: "lab", quotas: { queuedTasks: 5000 } });
    const { id } = await submit(lab, array(4000));
    expect(await used()).toEqual({ queuedTasks: 4000 });
    expect(await tryOne(array(1001))).toMatchObject(over("queuedTasks", 5000, 4000, 1001));
    await lab.cancel({ ids: [id] });
    expect(await used()).toEqual({ queuedTasks: 0 });
  });

  it("are never more than the quota, however many submit at once", async () => {
    const { items } = await lab.create({ jobs: Array.from({ length: 40 }, () => ({ spec: spec() })) });
    expect(items.filter((item) => "id" in item)).toHaveLength(10);
    expect(await used()).toEqual({ queuedTasks: 10 });
  });

  it("of a job that is sent twice are counted once, also at the edge", async () => {
    const id = "j0000000000aa";
    expect(await tryOne(array(10), { id })).toMatchObject({ existing: false });
    expect(await tryOne(array(10), { id })).toMatchObject({ existing: true });
    expect(await used()).toEqual({ queuedTasks: 10 });
  });
});

describe("running tasks", () => {
  beforeEach(() => open({ runningTasks: 3 }));

  it("are never more than the quota, and room comes back with results, releases and lost workers", async () => {
    await submit(lab, array(20));
    const claims = await Promise.all([1, 2, 3, 4].map(() => worker.claim({ worker: WORKER, leases: 2 })));
    const leases = claims.flatMap((claim) => claim.leases);
    expect(leases.reduce((sum, { from, upTo }) => sum + upTo - from, 0)).toBe(3);
    expect(await used()).toEqual({ runningTasks: 3 });
    expect((await worker.claim({ worker: WORKER, leases: 1 })).leases).toEqual([]);

    const [first, second] = leases;
    const end = { kind: "released" as const, reason: "sleepy" };
    await worker.finish({
      worker: WORKER,
      items: [
        { lease: first?.id ?? "", from: first?.from ?? 0, results: [exited(first?.from ?? 0)] },
        { lease: second?.id ?? "", from: second?.from ?? 0, results: [], end },
      ],
    });
    expect(await used()).toEqual({ runningTasks: 1 });
    await world.pass(5 * MINUTE);
    expect(await used()).toEqual({ runningTasks: 0 });
  });

  it("let work go on to its end in small steps", async () => {
    await submit(lab, array(50));
    let done = 0;
    for (let step = await work(); step > 0; step = await work()) {
      expect(step).toBeLessThanOrEqual(3);
      done += step;
    }
    expect([done, await used()]).toEqual([50, { runningTasks: 0 }]);
  });

  it("are told to a worker that asks for a job by name", async () => {
    const jobs = [await submit(lab, array(3)), await submit(lab, spec())];
    while ((await worker.claim({ worker: WORKER, leases: 3 })).leases.length > 0);
    const asked = worker.claim({ worker: WORKER, leases: 1, job: jobs[1]?.id });
    await expect(asked).rejects.toMatchObject({ code: "quota_exceeded" });
  });

  it("are given back by a cancel", async () => {
    const { id } = await submit(lab, array(20));
    await worker.claim({ worker: WORKER, leases: 3 });
    await lab.cancel({ ids: [id] });
    expect(await used()).toEqual({ runningTasks: 0 });
  });
});

describe("bytes", () => {
  beforeEach(() => open({ bytes: 10 }));
  const input = (text: string) => spec({ inputs: { manifest: { entries: [fileOf(text)] } } });

  it("are counted before they are uploaded, and until their job is removed", async () => {
    const first = await submit(lab, input("123456"));
    expect(await used()).toEqual({ bytes: 6 });
    const refused = await tryOne(input("12345"));
    expect(refused).toMatchObject(over("bytes", 10, 6, 5));
    expect(refused).not.toHaveProperty("grants");
    await lab.cancel({ ids: [first.id] });
    expect(await used()).toEqual({ bytes: 6 });
    await lab.rm({ ids: [first.id] });
    await lab.rm({ ids: [first.id] });
    expect(await used()).toEqual({ bytes: 0 });
  });

  it("are given back by the sweep when their retention is over", async () => {
    const { id } = await submit(lab, { ...input("123456"), keepMs: HOUR });
    await lab.cancel({ ids: [id] });
    await world.pass(HOUR + MINUTE);
    expect(await used()).toEqual({ bytes: 0 });
  });
});

describe("bytes of outputs", () => {
  beforeEach(() => open({ bytes: 10 }));
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const claim = async () => (await worker.claim({ worker: WORKER, leases: 1 })).leases[0];
  const ask = async (lease: string, texts: readonly string[], index = 0) =>
    (
      await worker.grants({
        entries: texts.map((text) => ({ use: "deliver", lease, index, blob: blobOf(bytesOf(text)) })),
      })
    ).items;
  const handIn = async (lease: string, from: number, texts: readonly string[]) => {
    const entries = texts.map((text, at) => ({
      kind: "file" as const,
      path: `o${at}`,
      mode: 0o644,
      ...blobOf(bytesOf(text)),
    }));
    const results = [{ ...exited(from), outputs: { manifest: { entries, packs: [] } } }];
    return (await worker.finish({ worker: WORKER, items: [{ lease, from, results }] })).items[0];
  };
  const deliver = async (lease: string, index: number, text: string) => {
    const [grant] = await ask(lease, [text], index);
    await world.put(grant, bytesOf(text));
  };

  it("are counted before they are uploaded, once however often they are asked for, and until their job is removed", async () => {
    const { id } = await submit(lab, spec());
    const lease = (await claim())?.id ?? "";
    const [first] = await ask(lease, ["123456"]);
    expect(await used()).toEqual({ bytes: 6 });
    await ask(lease, ["123456"]);
    expect(await used()).toEqual({ bytes: 6 });
    await world.put(first, bytesOf("123456"));
    expect(await ask(lease, ["123456"])).toMatchObject([{ kind: "held" }]);
    expect(await handIn(lease, 0, ["123456"])).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
    await handIn(lease, 0, ["123456"]);
    expect(await used()).toEqual({ bytes: 6 });
    await lab.rm({ ids: [id] });
    expect(await used()).toEqual({ bytes: 0 });
  });

  it("that do not fit are refused whole and by name, and are taken once there is room", async () => {
    const kept = await submit(lab, spec());
    const first = (await claim())?.id ?? "";
    await deliver(first, 0, "12345");
    await handIn(first, 0, ["12345"]);
    await submit(lab, spec());
    const lease = (await claim())?.id ?? "";
    const refused = await ask(lease, ["1234", "56"]);
    expect(refused).toMatchObject([
      { kind: "refused", code: "quota_exceeded" },
      { kind: "refused", code: "quota_exceeded" },
    ]);
    expect(refused[0]?.["message"]).toContain("the quota bytes 10: 5 are used, and this needs 6 more");
    expect(await used()).toEqual({ bytes: 5 });
    expect((await worker.renew({ worker: WORKER, leases: [lease], delivering: [lease] })).items).toMatchObject([
      { state: "held" },
    ]);
    await lab.rm({ ids: [kept.id] });
    expect(await ask(lease, ["1234", "56"])).toMatchObject([{ kind: "one" }, { kind: "one" }]);
    expect(await used()).toEqual({ bytes: 6 });
  });

  it("that are never handed in are given back with the lease", async () => {
    const { id } = await submit(lab, spec());
    await ask((await claim())?.id ?? "", ["1234567"]);
    expect(await used()).toEqual({ bytes: 7 });
    await lab.cancel({ ids: [id] });
    expect(await used()).toEqual({ bytes: 0 });
    await submit(lab, spec());
    await ask((await claim())?.id ?? "", ["1234567"]);
    await world.pass(3 * MINUTE);
    expect(await used()).toEqual({ bytes: 0 });
  });

  it("of a lease that was lost are taken all the same: they are there", async () => {
    await submit(lab, spec());
    const lease = (await claim())?.id ?? "";
    await deliver(lease, 0, "1234567");
    await world.pass(3 * MINUTE);
    await submit(lab, spec({ inputs: { manifest: { entries: [fileOf("12345")] } } }));
    expect(await handIn(lease, 0, ["1234567"])).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
    expect(await used()).toEqual({ bytes: 12 });
    expect(await tryOne(spec({ inputs: { manifest: { entries: [fileOf("1")] } } }))).toMatchObject(
      over("bytes", 10, 12, 1),
    );
  });

  it("of an array are counted task by task, in all its slices", async () => {
    const { id } = await submit(lab, array(20));
    for (let task = await claim(); task; task = await claim()) {
      for (let index = task.from; index < task.upTo; index += 1) {
        if (index % 10 === 0) {
          await deliver(task.id, index, `n${index}`);
          await handIn(task.id, index, [`n${index}`]);
        } else await handIn(task.id, index, []);
      }
    }
    expect(await used()).toEqual({ bytes: 5 });
    await lab.rm({ ids: [id] });
    expect(await used()).toEqual({ bytes: 0 });
  });
});

describe("jobs a day", () => {
  beforeEach(() => open({ jobsPerDay: 2 }));

  it("are counted by the day, ended or not, and begin anew at midnight UTC", async () => {
    const first = await submit(lab, spec());
    await submit(lab, spec());
    await lab.cancel({ ids: [first.id] });
    expect(await tryOne(spec())).toMatchObject(over("jobsPerDay", 2, 2, 1));
    world.outage(24 * HOUR);
    await submit(lab, spec());
    expect(await used()).toEqual({ jobsPerDay: 1 });
  });
});

describe("quotas", () => {
  it("can be set, raised and taken away; jobs from before are not counted afterwards", async () => {
    await open({});
    const { id } = await submit(lab, array(5));
    await world.admin.changeAccount({ id: "lab", quotas: { queuedTasks: 1, runningTasks: 1 } });
    expect(await used()).toEqual({ queuedTasks: 0, runningTasks: 0 });
    await lab.cancel({ ids: [id] });
    expect(await used()).toEqual({ queuedTasks: 0, runningTasks: 0 });
    await submit(lab, spec());
    expect(await tryOne(spec())).toMatchObject(over("queuedTasks", 1, 1, 1));
    await world.admin.changeAccount({ id: "lab", quotas: { queuedTasks: null } });
    await submit(lab, spec());
    expect((await world.admin.showAccount({ id: "lab" })).quotas).toEqual({ runningTasks: 1 });
    await world.pass(SECOND);
  });
});
