import type { Cloud } from "../../../bench/support/cloud.ts";
import type { Client } from "../../../contract/client.ts";
import type { JobSpecInput } from "../../../contract/job.ts";
import type { TaskResult } from "../../../contract/result.ts";
import type { Lease } from "../../../contract/worker.ts";

export type Units = { writes: number; reads: number };

export const WORKER = "w00000000000a";
const COMMAND = ["sh", "-c", "echo a job of usual length > result.txt"];
const DAY = 86_400_000;
const MINUTE = 60_000;
/** Past the times of functions/store/quiet.ts. */
const NOTED = 11_000;
const SETTLED = 21_000;

const resultOf = (index: number): TaskResult => ({ index, outcome: "exited", exitCode: 0, durationMs: 1000 });

/**
 * What each operation costs, by the names of the table in docs/cost.md. Tokens, workers and the account's quotas were read within the
 * minute and classes noted within ten seconds where the name says nothing else, as they are where there is work; the worker reads one queue.
 */
export async function unitsByOperation(cloud: Cloud): Promise<Record<string, Units>> {
  const units: Record<string, Units> = {};
  const [submitter, worker] = [await cloud.as("submitter"), await cloud.as("worker")];

  async function note<T>(name: string, work: () => Promise<T>): Promise<T> {
    let result: { value: T } | undefined;
    const { writes, reads } = await cloud.used(async () => {
      result = { value: await work() };
    });
    units[name] = { writes, reads };
    if (!result) throw new Error("nothing was done");
    return result.value;
  }
  const create = async (client: Client, spec: Partial<JobSpecInput> = {}, key?: string): Promise<string> => {
    const { items } = await client.create({ jobs: [{ ...(key && { key }), spec: { command: COMMAND, ...spec } }] });
    const [made] = items;
    if (!made || !("id" in made)) throw new Error(`not created: ${JSON.stringify(made)}`);
    return String(made.id);
  };
  const claim = async (): Promise<Lease> => {
    const [lease] = (await worker.claim({ worker: WORKER, leases: 1 })).leases;
    if (!lease) throw new Error("nothing to claim");
    return lease;
  };
  const finish = async (lease: Lease, more: Partial<TaskResult> = {}) => {
    const results = Array.from({ length: lease.upTo - lease.from }, (_, at) => ({
      ...resultOf(lease.from + at),
      ...more,
    }));
    await worker.finish({ worker: WORKER, items: [{ lease: lease.id, from: lease.from, results }] });
  };
  const warmUp = async () => {
    const id = await create(submitter);
    await finish(await claim());
    await submitter.get({ ids: [id] });
  };
  const machine = { version: "0.1.0", os: "linux", arch: "x64", cpus: 2, memoryBytes: 0, sandbox: "none" } as const;
  await worker.register({ ...machine, id: WORKER, name: "bench", slots: 1 });
  await warmUp();

  await note("create a single job", () => create(submitter));
  cloud.pass(NOTED);
  await note("create a single job, the first of its class in ten seconds", () => create(submitter));
  await cancelAll(submitter);
  const id = await note("create a single job by key", () => create(submitter, {}, "a key"));
  await note("create it again, under the same key", () => create(submitter, {}, "a key"));
  const lease = await note("claim a single job", claim);
  const seek = () => worker.claim({ worker: WORKER, leases: 1 });
  await note("claim, and nothing waits", seek);
  cloud.pass(SETTLED);
  await seek();
  await note("claim, and nothing was put there for 20 seconds", seek);
  await note("hear that a worker rests or stops", () => worker.claim({ worker: WORKER, leases: 0, away: "resting" }));
  await note("its first claim afterwards, and nothing waits", seek);
  await note("renew a lease of a single job", () => worker.renew({ worker: WORKER, leases: [lease.id] }));
  await note("finish a single job", () => finish(lease));
  await note("finish it again", () => finish(lease));
  await note("status of a job", () => submitter.get({ ids: [id] }));
  for (let n = 0; n < 10; n += 1) await create(submitter);
  await note("list 10 jobs", () => submitter.list({ limit: 10 }));
  const long = await note("create 10 single jobs in one call", async () => {
    const jobs = Array.from({ length: 10 }, () => ({ spec: { command: COMMAND } }));
    return (await submitter.create({ jobs })).items.map((made) => String(made.id));
  });
  await note("cancel a waiting single job", () => submitter.cancel({ ids: long.slice(0, 1) }));
  const second = await claim();
  const reason = Array.from({ length: 40 }, (_, n) => `line ${n * 7919} of a long story`).join("\n");
  await note("finish a single job with a long result", () => finish(second, { reason }));
  await note("remove it", () => submitter.rm({ ids: [second.job] }));

  await cancelAll(submitter);
  await note("create an array of 640 tasks (40 slices)", () =>
    create(submitter, { array: { start: 0, step: 1, count: 640 } }),
  );
  const probe = await note("claim of a slice", claim);
  await note("renew a lease of a slice", () => worker.renew({ worker: WORKER, leases: [probe.id] }));
  await note("finish of a part of a slice", () => finish(probe));
  let last = await claim();
  for (let leases = 0; last.upTo - last.from < 15 && leases < 200; leases += 1) {
    await finish(last);
    last = await claim();
  }
  await note("finish of a slice's last lease", () => finish(last));

  await cancelAll(submitter);
  // For two minutes after a start no lease expires.
  for (let minute = 0; minute < 4; minute += 1) {
    await cloud.sweep();
    cloud.pass(MINUTE);
  }
  await note("sweep, and nothing is due", () => cloud.sweep());
  await create(submitter);
  await claim();
  cloud.pass(MINUTE);
  await note("sweep that finds a lost lease of a single job", () => cloud.sweep());
  cloud.pass(DAY);
  await note("sweep that forgets a removed job", () => cloud.sweep());
  return units;
}

async function cancelAll(submitter: Client): Promise<void> {
  const { items } = await submitter.list({ limit: 200 });
  await submitter.cancel({ ids: items.map((job) => String(job.id)) });
}
