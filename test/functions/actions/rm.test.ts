import { expect, it } from "vitest";
import type { JobSpecInput } from "../../../contract/job.ts";
import type { BlobRef } from "../../../contract/manifest.ts";
import type { TaskResult } from "../../../contract/result.ts";
import {
  blobOf,
  createJob,
  exited,
  HOUR,
  machine,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

/** Deletions that still go through before the store fails. */
let room: number;
let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
  room = Number.POSITIVE_INFINITY;
  // As a store that can't list what it holds, which removes what it is told by name.
  world.world.blobs.remove = async (_, named) => {
    for await (const key of named) {
      if (room-- <= 0) throw new Error("the store is away");
      await world.blobs.folder.removePrefix(key);
    }
  };
});

const bytesOf = (text: string) => new TextEncoder().encode(text);

async function deliver(lease: string, index: number, text: string): Promise<{ key: string; blob: BlobRef }> {
  const blob = blobOf(bytesOf(text));
  const { items } = await world.worker.grants({ entries: [{ use: "deliver", lease, index, blob }] });
  await world.put(items[0], bytesOf(text));
  return { key: `out/${lease.split("-")[0]}/${index}/${lease}/${blob.sha256}`, blob };
}

/** Runs all tasks of a job, each with an output and a log of its own; answers the keys of all that was delivered. */
async function run(spec: JobSpecInput, exitCode: (index: number) => number = () => 0) {
  const id = await createJob(world.submitter, spec);
  const keys: string[] = [];
  const claim = async () => (await world.worker.claim({ worker: WORKER, leases: 8, job: undefined })).leases;
  for (let leases = await claim(); leases.length > 0; leases = await claim()) {
    for (const { id: lease, from, upTo } of leases) {
      const results: TaskResult[] = [];
      for (let index = from; index < upTo; index += 1) {
        const [output, log] = [
          await deliver(lease, index, `output ${index}`),
          await deliver(lease, index, `log ${index}`),
        ];
        keys.push(output.key, log.key);
        const file = { kind: "file" as const, path: "o", mode: 0o644, ...output.blob };
        results.push({
          ...exited(index, exitCode(index)),
          outputs: { manifest: { entries: [file], packs: [] } },
          log: { bytes: 10, stdoutBytes: 10, stderrBytes: 0, blob: log.blob },
        });
      }
      const { items } = await world.worker.finish({ worker: WORKER, items: [{ lease, from, results }] });
      expect(items[0]?.error).toBeUndefined();
    }
  }
  return { id, keys };
}

const stored = async (keys: readonly string[]) => {
  const found = await Promise.all(keys.map((key) => world.blobs.head(key)));
  return found.filter((object) => object !== undefined).length;
};
const rm = async (id: string) => (await world.submitter.rm({ ids: [id] })).items[0];

it("rm names every output and log to the store: of each try, of each round, and of a job that is one record", async () => {
  const { id, keys } = await run({ command: ["true"], retries: 0 }, () => 1);
  await world.submitter.retry({ ids: [id] });
  const [lease] = (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
  const again = await deliver(lease?.id ?? "", 0, "second round");
  const manifest = { entries: [{ kind: "file" as const, path: "o", mode: 0o644, ...again.blob }], packs: [] };
  const results = [{ ...exited(0), outputs: { manifest } }];
  await world.worker.finish({ worker: WORKER, items: [{ lease: lease?.id ?? "", from: 0, results }] });
  keys.push(again.key);
  expect(await stored(keys)).toBe(3);
  expect(await rm(id)).toEqual({ id });
  expect(await stored(keys)).toBe(0);
});

it("rm removes what all slices of an array delivered", async () => {
  const { id, keys } = await run({ command: ["true"], array: { count: 40 } });
  expect(await stored(keys)).toBe(80);
  expect(await rm(id)).toEqual({ id });
  expect(await stored(keys)).toBe(0);
});

it("a removal that was cut is carried on by the next rm, from where it stopped", async () => {
  const { id, keys } = await run({ command: ["true"], array: { count: 40 } });
  room = 30;
  await expect(rm(id)).rejects.toMatchObject({ code: "internal" });
  expect(await stored(keys)).toBe(50);
  room = Number.POSITIVE_INFINITY;
  expect(await rm(id)).toEqual({ id });
  expect(await stored(keys)).toBe(0);
});

it("a removal that nobody carries on is ended by the sweep, of a single job and of an array", async () => {
  const jobs = [await run({ command: ["true"] }), await run({ command: ["true"], array: { count: 20 } })];
  const keys = jobs.flatMap((job) => job.keys);
  room = 0;
  for (const { id } of jobs) await expect(rm(id)).rejects.toMatchObject({ code: "internal" });
  expect(await stored(keys)).toBe(42);
  room = Number.POSITIVE_INFINITY;
  world.outage(24 * HOUR);
  await world.sweep();
  expect(await stored(keys)).toBe(0);
});

it("what is past its retention loses its outputs and logs as well", async () => {
  const { keys } = await run({ command: ["true"], keepMs: HOUR });
  world.outage(2 * HOUR);
  await world.sweep();
  expect(await stored(keys)).toBe(0);
});

it("rm takes the live pieces of a log along, also of a task whose worker vanished before it handed anything in", async () => {
  const id = await createJob(world.submitter, { command: ["true"] });
  const [lease] = (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
  const data = Buffer.from("a line").toString("base64");
  await world.worker.appendLog({ lease: lease?.id ?? "", index: 0, offset: 0, data });
  const pieces = () => world.store.readChunks({ job: id, run: `0/${lease?.id}` }, 0, 1000);
  expect(await pieces()).toHaveLength(1);
  await world.submitter.cancel({ ids: [id] });
  expect(await rm(id)).toEqual({ id });
  expect(await pieces()).toEqual([]);
});
