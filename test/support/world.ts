import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach } from "vitest";
import * as z from "zod";
import type { Role } from "../../contract/account.ts";
import { type Client, createClient, type Transport } from "../../contract/client.ts";
import { type Grant, grant } from "../../contract/grant.ts";
import { type JobSpecInput, jobStatus } from "../../contract/job.ts";
import { blobRef } from "../../contract/manifest.ts";
import type { TaskResult } from "../../contract/result.ts";
import { createWorld } from "../../functions/actions/call.ts";
import { createSweep } from "../../functions/actions/sweep.ts";
import { createApp } from "../../functions/app.ts";
import { createToken } from "../../functions/auth.ts";
import { createDiskBlobs } from "../../functions/blobs/disk.ts";
import type { Log } from "../../functions/deps.ts";
import { createDoorbell } from "../../functions/doorbell.ts";
import { createRandom } from "../../functions/local/random.ts";
import { createSqliteStore } from "../../functions/store/sqlite.ts";

export type TestWorld = Awaited<ReturnType<typeof createTestWorld>>;

export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

/** The whole server but for its socket: app, SQLite and blobs in a temporary folder, and a clock that only the test moves. */
export async function createTestWorld() {
  const folder = mkdtempSync(join(tmpdir(), "rendt-world-"));
  let now = Date.UTC(2026, 10, 21);
  const clock = () => now;
  const secret = new Uint8Array(32).fill(7);
  const store = createSqliteStore({ file: join(folder, "rendt.db") });
  const blobs = await createDiskBlobs({ folder: join(folder, "blobs"), secret, clock });
  const doorbell = createDoorbell();
  const logged: Parameters<Log>[] = [];
  const world = createWorld({
    store,
    blobs,
    doorbell,
    clock,
    random: createRandom(),
    log: (...line) => logged.push(line),
    secret,
    version: "0.0.0-test",
    sweepPeriodMs: 1000,
  });
  const app = createApp(world);
  let sweepOnce = createSweep(world);

  /** A token's text, stored as a server would. */
  async function token(account: string, role: Role, more: { expiresAt?: number; revokedAt?: number } = {}) {
    const { revokedAt, ...terms } = more;
    const { text, record } = createToken({ account, role, ...terms }, world);
    const put = { ...record, ...(revokedAt !== undefined && { revokedAt }) };
    await store.commit([{ kind: "token", put, expect: "absent" }]);
    return text;
  }

  const transport: Transport = async ({ url, limitBytes: _, idleMs: __, ...init }) => {
    const answer = await app.request(url, { ...init, signal: init.signal ?? null });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  };
  const as = async (account: string, role: Role): Promise<Client> =>
    createClient({ url: "http://world", token: await token(account, role), transport });

  async function put(grant: Grant | undefined, bytes: Uint8Array): Promise<void> {
    if (grant?.kind !== "one") throw new Error(`no plain upload: ${JSON.stringify(grant)}`);
    const terms = blobs.signer.check({ method: grant.method, url: grant.url, headers: grant.headers });
    if (terms.method !== "PUT") throw new Error("not an upload");
    const { key, size, sha256, part } = terms;
    if (part) await blobs.folder.putPart(key, part.upload, { number: part.number, size, sha256 }, once(bytes));
    else await blobs.folder.put(key, terms, once(bytes));
  }

  async function pass(ms: number): Promise<void> {
    const until = now + ms;
    while (now < until) {
      now = Math.min(until, now + 20 * SECOND);
      await sweepOnce();
    }
  }

  // As after a start: for two minutes no lease expires.
  await sweepOnce();
  await pass(2 * MINUTE);

  return {
    world,
    app,
    store,
    blobs,
    logged,
    token,
    transport,
    as,
    put,
    admin: await as("main", "admin"),
    submitter: await as("main", "submitter"),
    worker: await as("main", "worker"),
    clock,
    /** Time passes with a server that sweeps each second (here: as often as a minute needs). */
    pass,
    /** Time passes and the server does not see it. */
    outage(ms: number): void {
      now += ms;
      sweepOnce = createSweep(world);
    },
    sweep: () => sweepOnce(),
    async close(): Promise<void> {
      doorbell.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Buffer> {
  yield Buffer.from(bytes);
}

export const blobOf = (bytes: Uint8Array) => ({
  sha256: createHash("sha256").update(bytes).digest("hex"),
  size: bytes.length,
});

export const WORKER = "w00000000000a";
export const OTHER_WORKER = "w00000000000b";

const made = z.object({
  id: z.string(),
  status: jobStatus,
  existing: z.boolean(),
  missing: z.array(blobRef),
  grants: z.array(grant),
});

/** Creates one job, which has to work. */
export async function submit(client: Client, spec: JobSpecInput, more: { id?: string } = {}) {
  const { items } = await client.create({ jobs: [{ ...more, spec }] });
  return made.parse(items[0]);
}

/** Creates one job and answers its id. */
export const createJob = async (...wanted: Parameters<typeof submit>): Promise<string> => (await submit(...wanted)).id;

/** Opens a world for each test of a file, with these workers, and closes it when the test is over. */
export function worldOfEachTest(workers: ReturnType<typeof machine>[], open: (world: TestWorld) => void): void {
  beforeEach(async () => {
    const world = await createTestWorld();
    for (const worker of workers) await world.worker.register(worker);
    open(world);
    return () => world.close();
  });
}

/** What a small machine says of itself. */
export const machine = (id: string = WORKER) => ({
  id,
  name: id,
  slots: 2,
  version: "0.0.0-test",
  os: "linux",
  arch: "x64",
  cpus: 2,
  memoryBytes: 1024 ** 3,
  sandbox: "none" as const,
});

export const exited = (index: number, exitCode = 0): TaskResult => ({
  index,
  outcome: "exited",
  exitCode,
  durationMs: 5,
});
