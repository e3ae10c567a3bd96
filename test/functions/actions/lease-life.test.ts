import { describe, expect, it } from "vitest";
import type { Client } from "../../../contract/client.ts";
import { OPERATIONS } from "../../../contract/operations.ts";
import type { Lease } from "../../../contract/worker.ts";
import { claim as claimAs } from "../../../functions/actions/claim.ts";
import {
  createJob,
  exited,
  HOUR,
  MINUTE,
  machine,
  OTHER_WORKER,
  SECOND,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine(), machine(OTHER_WORKER)], (opened) => {
  world = opened;
});

const claim = async (worker = WORKER, leases = 1): Promise<Lease[]> =>
  (await world.worker.claim({ worker, leases })).leases;

async function claimOne(worker = WORKER): Promise<Lease> {
  const [lease] = await claim(worker);
  if (!lease) throw new Error("nothing to claim");
  return lease;
}

async function finish(lease: string, exitCode = 0, more: { worker?: string; client?: Client } = {}) {
  const { items } = await (more.client ?? world.worker).finish({
    worker: more.worker ?? WORKER,
    items: [{ lease, from: 0, results: [exited(0, exitCode)] }],
  });
  return items[0];
}

const view = async (id: string) => (await world.submitter.get({ ids: [id] })).items[0];
const TRUE = { command: ["true"] };

describe("claim", () => {
  it("gives the soonest job first, a head start before its time, and nothing when there is nothing", async () => {
    const first = await createJob(world.submitter, TRUE);
    const second = await createJob(world.submitter, TRUE);
    const urgent = await createJob(world.submitter, { ...TRUE, priority: 3600 });
    expect((await claim(WORKER, 2)).map(({ job }) => job)).toEqual([urgent, first]);
    expect((await claim(WORKER, 2)).map(({ job }) => job)).toEqual([second]);
    const idle = await world.worker.claim({ worker: WORKER, leases: 2 });
    expect(idle.leases).toEqual([]);
    expect(idle.retryAfterMs).toBeGreaterThan(0);
  });

  it("never gives a task to two workers, whoever asks at the same time", async () => {
    await Promise.all(Array.from({ length: 10 }, () => createJob(world.submitter, TRUE)));
    const answers = await Promise.all([WORKER, OTHER_WORKER, WORKER, OTHER_WORKER].map((worker) => claim(worker, 4)));
    const jobs = answers.flat().map(({ job }) => job);
    expect(jobs).toHaveLength(10);
    expect(new Set(jobs).size).toBe(10);
  });

  it("of another account finds nothing, not even by name", async () => {
    const id = await createJob(world.submitter, TRUE);
    const stranger = await world.as("other", "worker");
    await expect(stranger.claim({ worker: WORKER, leases: 1 })).rejects.toMatchObject({ code: "not_found" });
    await expect(stranger.register(machine())).rejects.toMatchObject({ code: "id_taken" });
    await stranger.register(machine("w00000000000c"));
    expect((await stranger.claim({ worker: "w00000000000c", leases: 1 })).leases).toEqual([]);
    expect((await stranger.available()).items).toEqual([]);
    await expect(stranger.claim({ worker: "w00000000000c", leases: 1, job: id })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  it("of a stranger's machine gets public jobs, and those only in a strict sandbox", async () => {
    const id = await createJob(world.submitter, { ...TRUE, queue: "public" });
    const stranger = await world.as("other", "worker");
    await stranger.register(machine("w00000000000c"));
    expect((await stranger.claim({ worker: "w00000000000c", leases: 1 })).leases).toEqual([]);
    await stranger.register({ ...machine("w00000000000c"), sandbox: "strict" });
    const { leases } = await stranger.claim({ worker: "w00000000000c", leases: 1 });
    expect(leases).toMatchObject([{ job: id }]);
    const own = leases[0]?.id ?? "";
    expect(await finish(own)).toMatchObject({ error: { code: "not_your_lease" } });
    expect(await finish(own, 0, { client: stranger, worker: "w00000000000c" })).toMatchObject({
      accepted: [{ from: 0, upTo: 1 }],
    });
    expect(await view(id)).toMatchObject({ status: "finished", owner: "main" });
  });

  it("takes only jobs that the machine's owner wants: of these queues, of these accounts", async () => {
    const open = await createJob(world.submitter, { ...TRUE, queue: "public" });
    const stranger = await world.as("other", "worker");
    const strict = { ...machine("w00000000000c"), sandbox: "strict" as const };
    const claims = async (takes: object) => {
      await stranger.register({ ...strict, takes });
      return (await stranger.claim({ worker: strict.id, leases: 1 })).leases.map(({ job, owner }) => ({ job, owner }));
    };
    expect(await claims({ queues: ["own"] })).toEqual([]);
    expect(await claims({ accounts: ["third"] })).toEqual([]);
    await expect(stranger.claim({ worker: strict.id, leases: 1, job: open })).rejects.toMatchObject({
      code: "not_available",
      message: expect.stringContaining("takes no jobs of account main"),
    });
    expect(await claims({ queues: ["public"], accounts: ["main"] })).toEqual([{ job: open, owner: "main" }]);

    const own = await createJob(world.submitter, TRUE);
    await world.worker.register({ ...machine(), takes: { queues: ["public"] } });
    const { workers } = await world.submitter.explain({ id: own });
    expect(workers).toContainEqual(
      expect.objectContaining({ id: WORKER, reasons: ["does not read queue @main: its owner takes no jobs of it"] }),
    );
  });

  it("that stands still says so to the submitter, until it goes on", async () => {
    const id = await createJob(world.submitter, TRUE);
    const { leases } = await world.worker.claim({ worker: WORKER, leases: 1 });
    const own = leases[0]?.id ?? "";
    await world.worker.renew({ worker: WORKER, leases: [own], paused: [own] });
    expect(await view(id)).toMatchObject({
      status: "executing",
      reason: "paused by the machine's owner",
      running: [{ paused: true }],
    });
    await world.worker.renew({ worker: WORKER, leases: [own] });
    expect(await view(id)).not.toHaveProperty("reason");
  });

  it("by name tells why that job can't be had", async () => {
    const entry = { kind: "file" as const, path: "f", size: 1, sha256: "0".repeat(64), mode: 0o644 };
    const early = await createJob(world.submitter, { ...TRUE, inputs: { manifest: { entries: [entry] } } });
    await expect(world.worker.claim({ worker: WORKER, leases: 1, job: early })).rejects.toMatchObject({
      code: "not_released",
    });
    const id = await createJob(world.submitter, TRUE);
    const { leases } = await world.worker.claim({ worker: WORKER, leases: 1, job: id, holdMs: 20 * MINUTE });
    expect(leases[0]?.goodForMs).toBe(20 * MINUTE);
    await expect(world.worker.claim({ worker: OTHER_WORKER, leases: 1, job: id })).rejects.toMatchObject({
      code: "not_available",
      details: { status: "executing" },
    });
    await expect(world.worker.claim({ worker: WORKER, leases: 1, job: "j000000000000" })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  it("held open is answered as soon as a job is there", async () => {
    const waiting = world.worker.claim({ worker: WORKER, leases: 1, wait: 25_000 });
    const id = await createJob(world.submitter, TRUE);
    expect((await waiting).leases).toMatchObject([{ job: id }]);
  });

  it("held open ends when its asker goes away, and leaves the job to others", async () => {
    const gone = new AbortController();
    const waiting = world.worker.claim({ worker: WORKER, leases: 1, wait: 25_000 }, { signal: gone.signal });
    gone.abort();
    await waiting.catch(() => undefined);
    await createJob(world.submitter, TRUE);
    expect(await claim(OTHER_WORKER)).toHaveLength(1);
  });

  it("takes back what was granted while its asker went away", async () => {
    const gone = new AbortController();
    const { store } = world.world;
    const commit: typeof store.commit = async (changes) => {
      const answer = await store.commit(changes);
      gone.abort();
      return answer;
    };
    const id = await createJob(world.submitter, TRUE);
    const who = { account: "main", role: "worker" as const, token: "t" };
    const call = {
      world: { ...world.world, store: { ...store, commit } },
      who,
      gone: () => gone.signal,
      mayClaim: true,
    };
    const request = OPERATIONS.claim.request.parse({ worker: WORKER, leases: 1, wait: 25_000 });
    await claimAs(call, request);
    expect(gone.signal.aborted).toBe(true);
    expect(await claim(OTHER_WORKER)).toMatchObject([{ job: id }]);
  });

  it("lists what could be claimed without taking it", async () => {
    const id = await createJob(world.submitter, TRUE);
    const array = await createJob(world.submitter, { ...TRUE, array: { count: 40 } });
    expect((await world.worker.available()).items).toEqual([
      { id, count: 1 },
      { id: array, count: 40 },
    ]);
    expect((await world.worker.available({ limit: 1 })).items).toHaveLength(1);
    expect(await view(id)).toMatchObject({ status: "available" });
  });
});

describe("finish", () => {
  it("offered again is answered as before", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const accepted = { lease: lease.id, accepted: [{ from: 0, upTo: 1 }], lost: [] };
    expect(await finish(lease.id)).toEqual(accepted);
    expect(await finish(lease.id)).toEqual(accepted);
    expect(await finish(lease.id, 1)).toEqual(accepted);
    expect(await view(id)).toMatchObject({ status: "finished", tasks: { succeeded: 1, failed: 0 } });
  });

  it("answers each item for itself and claims the next work", async () => {
    await createJob(world.submitter, TRUE);
    const next = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const answer = await world.worker.finish({
      worker: WORKER,
      items: [
        { lease: lease.id, from: 0, results: [exited(0)] },
        { lease: "nonsense", from: 0, results: [exited(0)] },
        { lease: lease.id.replace(/.{16}$/, "0".repeat(16)), from: 0, results: [exited(0)] },
      ],
      leases: 1,
    });
    expect(answer.items.map(({ accepted, lost }) => [accepted.length, lost.length])).toEqual([
      [1, 0],
      [0, 1],
      [0, 1],
    ]);
    expect(answer.leases).toMatchObject([{ job: next }]);
  });

  it("by another worker than the one that holds the lease is refused", async () => {
    await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    expect(await finish(lease.id, 0, { worker: OTHER_WORKER })).toMatchObject({ error: { code: "not_your_lease" } });
    const stranger = await world.as("other", "worker");
    await expect(finish(lease.id, 0, { client: stranger })).rejects.toMatchObject({ code: "not_found" });
    expect(await finish(lease.id)).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
  });

  it("of another task than the lease holds changes nothing", async () => {
    await createJob(world.submitter, { ...TRUE, array: { start: 10, step: 5, count: 3 } });
    const lease = await claimOne();
    const send = (index: number, from = 0) =>
      world.worker.finish({ worker: WORKER, items: [{ lease: lease.id, from, results: [exited(index)] }] });
    expect((await send(0)).items).toMatchObject([{ error: { code: "bad_request", details: { expected: 10 } } }]);
    expect((await send(10)).items).toMatchObject([{ accepted: [{ from: 0, upTo: 1 }] }]);
  });

  it("of a failed try runs the task again after its back-off, up to its retries", async () => {
    const id = await createJob(world.submitter, { ...TRUE, retries: 1 });
    const first = await claimOne();
    expect(first.try).toBe(1);
    await finish(first.id, 3);
    expect(await view(id)).toMatchObject({ status: "waiting" });
    await world.pass(2 * SECOND);
    const second = await claimOne(OTHER_WORKER);
    expect(second).toMatchObject({ job: id, try: 2 });
    await finish(second.id, 3, { worker: OTHER_WORKER });
    expect(await view(id)).toMatchObject({ status: "failed", reason: expect.stringContaining("exit code 3") });
  });

  it("that gives a lease back leaves the task as it was", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.worker.finish({
      worker: WORKER,
      items: [{ lease: lease.id, from: 0, results: [], end: { kind: "released", reason: "draining" } }],
    });
    expect(await view(id)).toMatchObject({ status: "available" });
    expect(await claimOne(OTHER_WORKER)).toMatchObject({ job: id, try: 1, renewFirst: false });
  });
});

describe("a worker that is not heard of", () => {
  it("loses its lease to the sweep, and the task goes to another", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.pass(30 * SECOND);
    expect(await claim(OTHER_WORKER)).toEqual([]);
    await world.pass(40 * SECOND);
    const again = await claimOne(OTHER_WORKER);
    expect(again).toMatchObject({ job: id, renewFirst: true });
    expect(await finish(lease.id)).toMatchObject({ accepted: [], lost: [{ from: 0, upTo: 1 }] });
    expect((await world.worker.renew({ worker: WORKER, leases: [lease.id] })).items).toMatchObject([{ state: "lost" }]);
    expect(await finish(again.id, 0, { worker: OTHER_WORKER })).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
  });

  it("may still hand in its result while nobody else took the task", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.pass(HOUR);
    expect(await view(id)).toMatchObject({ status: "available" });
    expect(await finish(lease.id)).toMatchObject({ accepted: [{ from: 0, upTo: 1 }], lost: [] });
    expect(await view(id)).toMatchObject({ status: "finished" });
  });

  it("takes its lease up again when it comes back in time", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.pass(10 * MINUTE);
    expect((await world.worker.renew({ worker: WORKER, leases: [lease.id] })).items).toMatchObject([
      { state: "held", from: 0, upTo: 1, goodForMs: 2 * MINUTE },
    ]);
    expect(await view(id)).toMatchObject({ status: "executing" });
  });

  it("counts as a crash each time, and the tenth ends the task", async () => {
    const id = await createJob(world.submitter, { ...TRUE, crashLimit: 3 });
    for (let crash = 0; crash < 3; crash += 1) {
      const lease = await claimOne();
      expect(lease.renewFirst).toBe(crash > 0);
      await world.worker.renew({ worker: WORKER, leases: [lease.id] });
      await world.pass(3 * MINUTE);
    }
    expect(await claim()).toEqual([]);
    expect(await view(id)).toMatchObject({ status: "failed", reason: expect.stringContaining("vanished") });
  });
});

describe("an outage of the server", () => {
  it("of ten minutes costs no finished work and no running lease", async () => {
    const [done, running] = [await createJob(world.submitter, TRUE), await createJob(world.submitter, TRUE)];
    const [first, second] = await claim(WORKER, 2);
    world.outage(10 * MINUTE);
    await world.sweep();
    expect(await claim(OTHER_WORKER)).toEqual([]);
    expect(await finish(first?.id ?? "")).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
    expect((await world.worker.renew({ worker: WORKER, leases: [second?.id ?? ""] })).items).toMatchObject([
      { state: "held" },
    ]);
    expect(await view(done)).toMatchObject({ status: "finished" });
    await world.pass(MINUTE);
    expect(await finish(second?.id ?? "")).toMatchObject({ accepted: [{ from: 0, upTo: 1 }] });
    expect(await view(running)).toMatchObject({ status: "finished" });
  });

  it("ends leases of workers that stay silent two minutes longer", async () => {
    const id = await createJob(world.submitter, TRUE);
    await claimOne();
    world.outage(10 * MINUTE);
    await world.pass(MINUTE);
    expect(await claim(OTHER_WORKER)).toEqual([]);
    await world.pass(2 * MINUTE);
    expect(await claim(OTHER_WORKER)).toMatchObject([{ job: id }]);
  });
});

describe("renew", () => {
  it("prolongs the lease and tells of a cancel", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    for (let minute = 0; minute < 30; minute += 1) {
      await world.pass(MINUTE);
      const { items } = await world.worker.renew({ worker: WORKER, leases: [lease.id] });
      expect(items).toMatchObject([{ lease: lease.id, state: "held", goodForMs: 2 * MINUTE, watch: false }]);
    }
    await world.submitter.cancel({ ids: [id] });
    expect((await world.worker.renew({ worker: WORKER, leases: [lease.id] })).items).toMatchObject([
      { state: "cancelled" },
    ]);
  });

  it("shows that a result is being delivered", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.worker.renew({ worker: WORKER, leases: [lease.id], delivering: [lease.id] });
    expect(await view(id)).toMatchObject({ status: "delivering" });
  });

  it("held open hears of a cancel at once, without renewing", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const { version } = await world.submitter.release({ id });
    const listening = world.worker.renew({ worker: WORKER, leases: [lease.id], renew: false, wait: 25_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await view(id)).toMatchObject({ version });
    await world.submitter.cancel({ ids: [id] });
    expect(await listening).toMatchObject({ items: [{ state: "cancelled" }], retryAfterMs: 0 });
  });

  it("held open hears of a watcher, once, also when that came before the question", async () => {
    const id = await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    await world.submitter.logs({ id, follow: "true" });
    const listen = (wait: number) => world.worker.renew({ worker: WORKER, leases: [lease.id], renew: false, wait });
    expect((await listen(25_000)).items).toMatchObject([{ state: "held", watch: true }]);
    expect((await listen(30)).items).toMatchObject([{ state: "held", watch: true }]);
  });

  it("of nonsense and of another account's worker is lost or refused", async () => {
    expect((await world.worker.renew({ worker: WORKER, leases: ["x"] })).items).toEqual([
      { lease: "x", state: "lost" },
    ]);
    const stranger = await world.as("other", "worker");
    await expect(stranger.renew({ worker: WORKER, leases: ["x"] })).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a revoked or outdated worker", () => {
  it("hands in what it runs and claims nothing", async () => {
    await createJob(world.submitter, TRUE);
    await createJob(world.submitter, TRUE);
    const lease = await claimOne();
    const token = await world.token("main", "worker", { revokedAt: world.clock() });
    const send = async (path: string, body: unknown, headers: Record<string, string>) => {
      const answer = await world.app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
      return { status: answer.status, body: await answer.json() };
    };
    const revoked = { authorization: `Bearer ${token}` };
    const outdated = { authorization: `Bearer ${await world.token("main", "worker")}`, "rendt-protocol": "0" };
    for (const [headers, code] of [
      [revoked, "token_revoked"],
      [outdated, "upgrade_needed"],
    ] as const) {
      const refused = await send("/v1/leases/claim", { worker: WORKER, leases: 1 }, headers);
      expect(refused.body.error.code).toBe(code);
      const items = [{ lease: lease.id, from: 0, results: [exited(0)] }];
      const taken = await send("/v1/leases/finish", { worker: WORKER, items, leases: 1 }, headers);
      expect(taken).toMatchObject({ status: 200, body: { items: [{ accepted: [{ from: 0, upTo: 1 }] }], leases: [] } });
    }
  });
});
