import { beforeEach, describe, expect, it } from "vitest";
import type { JobSpecInput } from "../../../contract/job.ts";
import type { Free } from "../../../contract/worker.ts";
import {
  createJob,
  exited,
  HOUR,
  MINUTE,
  machine,
  OTHER_WORKER,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

const GIB = 1024 ** 3;
const FREE: Free = { cpus: 8, gpus: 0, memoryBytes: 8 * GIB, diskBytes: 100 * GIB };
const large = { ...machine(), slots: 4, cpus: 8, memoryBytes: 8 * GIB, diskBytes: 100 * GIB, tags: ["python3=3.11.2"] };

let world: TestWorld;
worldOfEachTest([large], (opened) => {
  world = opened;
});

const asking = (limits: JobSpecInput["limits"], more: Partial<JobSpecInput> = {}) => ({
  command: ["true"],
  ...(limits && { limits }),
  ...more,
});
const memory = (gib: number, more: Partial<JobSpecInput> = {}) => asking({ memoryBytes: gib * GIB }, more);
const claim = async (leases: number, free?: Free, worker = WORKER) =>
  (await world.worker.claim({ worker, leases, ...(free && { free }) })).leases;
const jobs = (leases: { job: string }[]) => leases.map(({ job }) => job);

describe("a claim", () => {
  it("never brings two tasks of 5 GiB to a worker with 4 slots and 8 GiB", async () => {
    const first = await createJob(world.submitter, memory(5));
    const second = await createJob(world.submitter, memory(5));
    const small = await createJob(world.submitter, memory(2));
    const plain = await createJob(world.submitter, asking(undefined));
    expect(jobs(await claim(4, FREE)).toSorted()).toEqual([first, small, plain].toSorted());
    expect(await claim(1, { ...FREE, memoryBytes: GIB })).toEqual([]);
    expect(jobs(await claim(1, { ...FREE, memoryBytes: 6 * GIB }))).toEqual([second]);
  });

  it("brings so many leases of one array as fit", async () => {
    await createJob(world.submitter, memory(3, { array: { count: 12 } }));
    expect(await claim(4, FREE)).toHaveLength(2);
    await createJob(world.submitter, memory(3, { array: { count: 500 } }));
    expect(await claim(4, { ...FREE, memoryBytes: 7 * GIB })).toHaveLength(2);
  });

  it("with a finish is held to what is left as well", async () => {
    await createJob(world.submitter, memory(5));
    const next = await createJob(world.submitter, memory(5));
    const [lease] = await claim(1, FREE);
    const items = [{ lease: lease?.id ?? "", from: 0, results: [exited(0)] }];
    const tight = await world.worker.finish({ worker: WORKER, items, leases: 2, free: { ...FREE, memoryBytes: GIB } });
    expect(tight.leases).toEqual([]);
    const roomy = await world.worker.finish({ worker: WORKER, items, leases: 2, free: FREE });
    expect(jobs(roomy.leases)).toEqual([next]);
  });

  it("takes the soonest, whatever class it is of", async () => {
    const ids: string[] = [];
    for (const spec of [memory(1), asking(undefined), asking({ cpus: 2 }), asking(undefined), memory(1)]) {
      ids.push(await createJob(world.submitter, spec));
      await world.pass(10);
    }
    for (const id of ids) expect(jobs(await claim(1, FREE))).toEqual([id]);
  });

  it("of a worker that names no budget is held to what it registered only", async () => {
    for (let made = 0; made < 2; made += 1) await createJob(world.submitter, memory(5));
    expect(await claim(4)).toHaveLength(2);
  });
});

describe("a large job behind a stream of small ones", () => {
  it("is passed for a minute, and then what is left is kept for it", async () => {
    const whole = await createJob(world.submitter, memory(8));
    const running: string[] = [];
    // Two small ones always run: each that ends makes room for one, and never for the large one.
    const half = { ...FREE, memoryBytes: 4 * GIB };
    let passed = 0;
    for (let second = 0; second < 300; second += 10) {
      await createJob(world.submitter, memory(4));
      const [lease] = await claim(1, half);
      if (!lease) break;
      passed += 1;
      running.push(lease.job);
      await world.pass(10_000);
      await world.worker.finish({ worker: WORKER, items: [{ lease: lease.id, from: 0, results: [exited(0)] }] });
    }
    expect(running).not.toContain(whole);
    expect(passed).toBeGreaterThanOrEqual(5);
    expect(passed).toBeLessThanOrEqual(8);
    // What takes nothing of what it waits for goes on.
    const plain = await createJob(world.submitter, asking(undefined));
    const cores = await createJob(world.submitter, asking({ cpus: 1 }));
    expect(jobs(await claim(2, half)).toSorted()).toEqual([plain, cores].toSorted());
    // The last small one has ended.
    expect(jobs(await claim(1, FREE))).toEqual([whole]);
    expect(await claim(1, half)).toHaveLength(1);
  });

  it("that this worker can't ever take holds nothing up", async () => {
    await createJob(world.submitter, memory(16));
    await world.pass(5 * MINUTE);
    const small = await createJob(world.submitter, memory(4));
    expect(jobs(await claim(1, { ...FREE, memoryBytes: 4 * GIB }))).toEqual([small]);
  });
});

describe("a job for one worker", () => {
  it("waits for it, by id or by name", async () => {
    await world.worker.register({ ...machine(OTHER_WORKER), name: "attic" });
    const byName = await createJob(world.submitter, asking(undefined, { worker: "attic" }));
    const byId = await createJob(world.submitter, asking({ cpus: 2 }, { worker: OTHER_WORKER }));
    expect(await claim(4, FREE)).toEqual([]);
    await expect(world.worker.claim({ worker: WORKER, leases: 1, job: byName })).rejects.toMatchObject({
      code: "not_available",
    });
    const { workers } = await world.submitter.explain({ id: byName });
    expect(workers.map(({ id, fits, reasons }) => ({ id, fits, reasons }))).toContainEqual({
      id: WORKER,
      fits: false,
      reasons: ["the job is for another worker"],
    });
    expect(jobs(await claim(4, FREE, OTHER_WORKER)).toSorted()).toEqual([byName, byId].toSorted());
  });

  it("that it gave back, or failed, is not kept from it: nobody else may have it", async () => {
    await world.worker.register(machine(OTHER_WORKER));
    const id = await createJob(world.submitter, asking(undefined, { worker: WORKER }));
    const [lease] = await claim(1, FREE);
    await claim(1, FREE, OTHER_WORKER);
    await world.worker.finish({
      worker: WORKER,
      items: [
        { lease: lease?.id ?? "", from: 0, results: [], end: { kind: "released", reason: "its worker restarts" } },
      ],
    });
    const { workers } = await world.submitter.explain({ id });
    expect(workers).toContainEqual(expect.objectContaining({ id: WORKER, fits: true }));
    expect(jobs(await claim(1, FREE))).toEqual([id]);
  });

  it("is held to the budget of that worker too", async () => {
    const id = await createJob(world.submitter, memory(5, { worker: WORKER }));
    expect(await claim(1, { ...FREE, memoryBytes: GIB })).toEqual([]);
    expect(jobs(await claim(1, FREE))).toEqual([id]);
  });

  it("that nobody knows by that name is refused, and by an id not yet seen taken with a warning", async () => {
    const refused = await world.submitter.create({ jobs: [{ spec: asking(undefined, { worker: "nobody" }) }] });
    expect(refused.items).toMatchObject([{ error: { code: "not_found" } }]);
    const unseen = await world.submitter.create({ jobs: [{ spec: asking(undefined, { worker: "w99999999999z" }) }] });
    expect(unseen.items).toMatchObject([{ status: "available", warning: { code: "no_worker_fits" } }]);
    const open = await world.submitter.create({
      jobs: [{ spec: { command: ["true"], queue: "public", worker: WORKER } }],
    });
    expect(open.items).toMatchObject([{ error: { code: "bad_request" } }]);
  });
});

describe("a job that no known worker can ever run", () => {
  const warningOf = async (spec: JobSpecInput) => {
    const { items } = await world.submitter.create({ jobs: [{ spec }] });
    const [item] = items;
    return item && "warning" in item ? item.warning : undefined;
  };

  it("is taken with a warning that names the nearest worker and what it lacks", async () => {
    await world.worker.register({ ...machine(OTHER_WORKER), name: "tiny", memoryBytes: GIB });
    const wanted = asking({ memoryBytes: 16 * GIB, cpus: 4 });
    const id = await createJob(world.submitter, wanted);
    expect(await warningOf(wanted)).toMatchObject({
      code: "no_worker_fits",
      message: expect.stringContaining(`the nearest is ${large.name}: memory 16 GiB asked, 8 GiB there;`),
    });
    expect(await claim(4, FREE)).toEqual([]);
    await world.worker.register({ ...large, memoryBytes: 32 * GIB });
    expect(await warningOf(wanted)).toBeUndefined();
    expect(jobs(await claim(4, { ...FREE, memoryBytes: 64 * GIB }))).toContain(id);
  });

  it("is not the one that waits for room, nor one that asks for nothing", async () => {
    expect(await warningOf(memory(8))).toBeUndefined();
    const stranger = await world.as("other", "submitter");
    const { items } = await stranger.create({ jobs: [{ spec: asking(undefined) }] });
    expect(items[0]).not.toHaveProperty("warning");
  });

  it("in the queue public tells nothing of other accounts' workers but what they lack", async () => {
    const stranger = await world.as("other", "submitter");
    await world.worker.register({ ...large, name: "secret-name", sandbox: "strict" });
    const { items } = await stranger.create({ jobs: [{ spec: { ...memory(64), queue: "public" } }] });
    expect(items).toMatchObject([{ warning: { message: expect.stringContaining("64 GiB asked, 8 GiB there") } }]);
    expect(JSON.stringify(items)).not.toContain("secret-name");
  });
});

describe("a worker whose owner asks for pay", () => {
  const open = (more: Partial<JobSpecInput> = {}) => asking(undefined, { queue: "public", ...more });
  const paid = { ...large, sandbox: "strict" as const, takes: { minimumPay: 2 } };
  let stranger: TestWorld["submitter"];
  beforeEach(async () => {
    stranger = await world.as("other", "submitter");
    await world.worker.register(paid);
  });

  it("takes of strangers what offers so much, and all of its own account, wherever it waits", async () => {
    const poor = await createJob(stranger, open({ maxPrice: 1.5 }));
    const free = await createJob(stranger, open());
    const rich = await createJob(stranger, open({ maxPrice: 2 }));
    const shared = await createJob(world.submitter, open({ maxPrice: 0.5 }));
    const own = await createJob(world.submitter, asking({ cpus: 1 }));
    expect(jobs(await claim(1, FREE))).toEqual([own]);
    expect(jobs(await claim(1, FREE))).toEqual([rich]);
    expect(jobs(await claim(9, FREE))).toEqual([shared]);
    await expect(world.worker.claim({ worker: WORKER, leases: 1, job: poor })).rejects.toMatchObject({
      code: "not_available",
      message: expect.stringContaining("pays 1.5 a CPU-hour, 2 asked"),
    });
    await world.worker.register({ ...paid, takes: { minimumPay: 1 } });
    expect(jobs(await claim(9, FREE))).toEqual([poor]);
    await world.worker.register({ ...paid, takes: undefined });
    expect(jobs(await claim(9, FREE))).toEqual([free]);
  });

  it("finds what pays behind any number that do not", async () => {
    for (let made = 0; made < 80; made += 1) await createJob(stranger, open({ maxPrice: 1 }));
    const rich = await createJob(stranger, open({ maxPrice: 3 }));
    expect(jobs(await claim(9, FREE))).toEqual([rich]);
  });

  it("finds its own account's jobs behind any number of strangers' that pay too little, a page of 64 with each claim", async () => {
    for (let made = 0; made < 150; made += 1) await createJob(stranger, open());
    // It is the other account's turn until this one's work weighs more.
    await world.submitter.cancel({ ids: [await createJob(world.submitter, open({ array: { count: 200 } }))] });
    const shared = await createJob(world.submitter, open());
    await createJob(stranger, open());
    for (let claims = 0; claims < 2; claims += 1) expect(await claim(1, FREE)).toEqual([]);
    expect(jobs(await claim(1, FREE))).toEqual([shared]);
    for (let claims = 0; claims < 3; claims += 1) expect(await claim(1, FREE)).toEqual([]);
    await world.worker.register({ ...paid, takes: undefined });
    expect(await claim(9, FREE)).toHaveLength(9);
  });

  it("takes what suits it under a key whose earlier job did not", async () => {
    const create = async (maxPrice: number) =>
      stranger.create({ jobs: [{ key: "nightly", spec: open({ maxPrice, keepMs: MINUTE }) }] });
    const [poor] = (await create(1)).items;
    expect(await claim(9, FREE)).toEqual([]);
    await stranger.cancel({ ids: [String(poor?.id)] });
    await world.pass(2 * MINUTE);
    world.outage(25 * HOUR);
    await world.pass(MINUTE);
    const [rich] = (await create(3)).items;
    expect(rich).toMatchObject({ id: poor?.id, existing: false });
    expect(jobs(await claim(9, FREE))).toEqual([poor?.id]);
  });

  it("is held to the exact price where classes are rounded", async () => {
    for (let made = 1; made <= 64; made += 1) await createJob(stranger, open({ maxPrice: made / 100 }));
    const poor = await createJob(stranger, open({ maxPrice: 1.9 }));
    const rich = await createJob(stranger, open({ maxPrice: 2.1 }));
    const [seen] = await world.store.get("job", [poor]);
    expect(seen).toMatchObject({ class: "~strict", demand: "strict,pays=1.9" });
    expect(jobs(await claim(9, FREE))).toEqual([rich]);
  });

  it("is told of to whoever offers less, at submit and by explain, and to its owner", async () => {
    const told = "one of another account: pays 0.5 a CPU-hour, 2 asked; it waits until one is there";
    const { items } = await stranger.create({ jobs: [{ spec: open({ maxPrice: 0.5 }) }] });
    expect(items).toMatchObject([{ warning: { code: "no_worker_fits", message: expect.stringContaining(told) } }]);
    const { reasons } = await stranger.explain({ id: await createJob(stranger, open({ maxPrice: 0.5 })) });
    expect(reasons).toContainEqual(expect.stringContaining(told));
    const enough = await stranger.create({ jobs: [{ spec: open({ maxPrice: 2 }) }] });
    expect(enough.items[0]).not.toHaveProperty("warning");
    expect((await world.submitter.showWorker({ id: WORKER })).takes).toEqual({ minimumPay: 2 });
  });
});

describe("demands that are no demands", () => {
  it.each([
    ["10,000 cpus", { limits: { cpus: 10_000 } }],
    ["half a GPU", { limits: { gpus: 0.5 } }],
    ["a tag with a comma", { tags: ["linux,x64"] }],
    ["a tag of emoji", { tags: ["🚀"] }],
    ["a tag in capitals", { tags: ["Linux"] }],
    ["an empty tag", { tags: [""] }],
    ["too many tags", { tags: Array.from({ length: 9 }, (_, at) => `t${at}`) }],
    ["a range of versions", { tags: ["python3<4"] }],
    ["a price below nothing", { maxPrice: -0.5 }],
    ["a price that is no number", { maxPrice: Number.NaN }],
    ["a price beyond all", { maxPrice: 1e30 }],
    ["a price of millionths' parts", { maxPrice: 0.000_000_1 }],
  ])("%s: refused", async (_, more) => {
    const asked = world.submitter.create({ jobs: [{ spec: { command: ["true"], ...more } }] });
    await expect(asked).rejects.toMatchObject({ code: "bad_request" });
  });
});

describe("a queue with more than 64 classes", () => {
  it("gathers what comes later, and brings each worker only what fits it", async () => {
    for (let made = 0; made < 64; made += 1)
      await createJob(world.submitter, asking({ diskBytes: (200 + made) * GIB }));
    const fits = await createJob(world.submitter, memory(3));
    const never = await createJob(world.submitter, memory(3, { tags: ["python3>=3.12"] }));
    const last = await createJob(world.submitter, memory(7, { tags: ["python3>=3.11"] }));
    const [seen] = await world.store.get("job", [never]);
    expect(seen).toMatchObject({ class: "~any", demand: "memory=3072,+python3>=3.12" });
    expect(jobs(await claim(4, FREE))).toEqual([fits]);
    expect(jobs(await claim(4, FREE))).toEqual([last]);
    expect((await world.submitter.explain({ id: never })).workers).toMatchObject([
      { fits: false, reasons: ["tag python3>=3.12 asked, python3 3.11.2 there"] },
    ]);
  });
});

describe("the place in the queue", () => {
  it("counts the jobs before, whatever their class, and is gone when the job runs", async () => {
    const first = await createJob(world.submitter, memory(1));
    await createJob(world.submitter, asking(undefined, { array: { count: 40 } }));
    const third = await createJob(world.submitter, asking({ cpus: 2 }));
    expect(await world.submitter.explain({ id: first })).toMatchObject({ ahead: 0 });
    expect(await world.submitter.explain({ id: third })).toMatchObject({ ahead: 2 });
    await claim(1, FREE);
    expect(await world.submitter.explain({ id: third })).toMatchObject({ ahead: 1 });
    expect(await world.submitter.explain({ id: first })).not.toHaveProperty("ahead");
  });
});
