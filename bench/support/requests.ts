import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient, type Transport } from "../../contract/client.ts";
import { createWorld } from "../../functions/actions/call.ts";
import { silentDoorbell } from "../../functions/api/silent-doorbell.ts";
import { createApp } from "../../functions/app.ts";
import { createToken } from "../../functions/auth.ts";
import { createS3Blobs } from "../../functions/blobs/s3.ts";
import { createRandom } from "../../functions/local/random.ts";
import type { Store } from "../../functions/store/port.ts";
import { createSqliteStore } from "../../functions/store/sqlite.ts";

const WORKER = "w00000000000a";

/** ms of each request of a job's life in this process, without the time in which the store was at work. */
export async function timeRequests(jobs: number): Promise<{ [request: string]: number[] }> {
  const folder = mkdtempSync(join(tmpdir(), "rendt-requests-"));
  const { store, spent } = timed(createSqliteStore({ file: join(folder, "rendt.db") }));
  const credentials = { accessKeyId: "key", secretAccessKey: "secret", sessionToken: "session" };
  const random = createRandom();
  const clock = Date.now;
  const world = createWorld({
    store,
    blobs: createS3Blobs({ bucket: "b", region: "us-east-1", credentials: async () => credentials, clock }),
    doorbell: silentDoorbell,
    clock,
    random,
    log: () => undefined,
    secret: random(32),
    version: "0",
    sweepPeriodMs: 60_000,
  });
  const app = createApp(world);
  const transport: Transport = async ({ url, limitBytes: _, idleMs: __, ...init }) => {
    const answer = await app.request(url, { ...init, signal: init.signal ?? null });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  };
  const as = async (role: "submitter" | "worker"): Promise<Client> => {
    const { text, record } = createToken({ account: "main", role }, world);
    await store.commit([{ kind: "token", put: record, expect: "absent" }]);
    return createClient({ url: "http://lambda", token: text, transport });
  };
  const took: { [request: string]: number[] } = {};
  async function time<T>(name: string, request: () => Promise<T>): Promise<T> {
    const [began, before] = [performance.now(), spent()];
    const answer = await request();
    const times = took[name] ?? [];
    times.push(performance.now() - began - (spent() - before));
    took[name] = times;
    return answer;
  }
  try {
    const [submitter, worker] = [await as("submitter"), await as("worker")];
    await worker.register({
      id: WORKER,
      name: "bench",
      slots: 1,
      version: "0",
      os: "linux",
      arch: "x64",
      cpus: 2,
      memoryBytes: 1024 ** 3,
      sandbox: "none",
    });
    for (let job = 0; job < jobs; job++) {
      await time("create", () => submitter.create({ jobs: [{ spec: { command: ["true"] } }] }));
      const { leases } = await time("claim", () => worker.claim({ worker: WORKER, leases: 1 }));
      const [lease] = leases;
      if (!lease) throw new Error("nothing to claim");
      await time("renew", () => worker.renew({ worker: WORKER, leases: [lease.id] }));
      const results = [{ index: 0, outcome: "exited" as const, exitCode: 0, durationMs: 1 }];
      await time("finish", () => worker.finish({ worker: WORKER, items: [{ lease: lease.id, from: 0, results }] }));
    }
    return took;
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

/** A store, and the ms in which at least one call of it was under way. */
function timed(store: Store): { store: Store; spent: () => number } {
  let [under, began, total] = [0, 0, 0];
  const done = () => {
    if (--under === 0) total += performance.now() - began;
  };
  const watched = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (under++ === 0) began = performance.now();
        return Promise.resolve(Reflect.apply(value, target, args)).finally(done);
      };
    },
  });
  return { store: watched, spent: () => total };
}
