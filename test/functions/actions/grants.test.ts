import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { PARTS_FROM_BYTES } from "../../../contract/limits.ts";
import {
  blobOf,
  createJob,
  exited,
  MINUTE,
  machine,
  submit,
  type TestWorld,
  WORKER,
  worldOfEachTest,
} from "../../support/world.ts";

let world: TestWorld;
worldOfEachTest([machine()], (opened) => {
  world = opened;
});

const CONTENT = Buffer.from("content");
const blob = blobOf(CONTENT);
const withInput = (input = blob) => ({
  command: ["cat", "f"],
  inputs: { manifest: { entries: [{ kind: "file" as const, path: "f", mode: 0o644, ...input }] } },
});

async function claimed() {
  const [lease] = (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
  if (!lease) throw new Error("nothing to claim");
  return lease;
}

describe("an input", () => {
  it("may be uploaded by the job's owner, until it is there", async () => {
    const { id } = await submit(world.submitter, withInput());
    const entries = [{ use: "input" as const, job: id, blob }];
    const { items } = await world.submitter.grants({ entries });
    await world.put(items[0], CONTENT);
    expect((await world.submitter.grants({ entries })).items).toEqual([{ kind: "held" }]);
  });

  it("is refused when the job does not have it, is another's, or a worker asks", async () => {
    const { id } = await submit(world.submitter, withInput());
    const foreign = { use: "input" as const, job: id, blob: blobOf(Buffer.from("else")) };
    const own = { use: "input" as const, job: id, blob };
    expect((await world.submitter.grants({ entries: [foreign, own] })).items).toMatchObject([
      { kind: "refused", code: "not_found" },
      { kind: "one" },
    ]);
    const stranger = await world.as("other", "submitter");
    expect((await stranger.grants({ entries: [own] })).items).toMatchObject([{ kind: "refused", code: "not_found" }]);
    expect((await world.worker.grants({ entries: [own] })).items).toMatchObject([
      { kind: "refused", code: "wrong_role" },
    ]);
  });

  it("is downloaded by the holder of a lease alone", async () => {
    const { id, grants } = await submit(world.submitter, withInput());
    await world.put(grants[0], CONTENT);
    await world.submitter.release({ id });
    const lease = await claimed();
    const entry = { use: "fetch" as const, lease: lease.id, blob };
    expect((await world.worker.grants({ entries: [entry] })).items).toMatchObject([{ kind: "one", method: "GET" }]);
    const stranger = await world.as("other", "worker");
    const guessed = { ...entry, lease: lease.id.replace(/.{16}$/, "0".repeat(16)) };
    expect((await stranger.grants({ entries: [entry] })).items).toMatchObject([{ code: "not_your_lease" }]);
    expect((await world.worker.grants({ entries: [guessed, { ...entry, lease: "x" }] })).items).toMatchObject([
      { code: "lease_lost" },
      { code: "not_your_lease" },
    ]);
    expect((await world.submitter.grants({ entries: [entry] })).items).toMatchObject([{ code: "wrong_role" }]);
  });
});

describe("an output", () => {
  it("is delivered under a lease, for its own tasks, also late while nobody else took them", async () => {
    await createJob(world.submitter, { command: ["true"] });
    const lease = await claimed();
    const entry = { use: "deliver" as const, lease: lease.id, index: 0, blob };
    expect((await world.worker.grants({ entries: [{ ...entry, index: 1 }] })).items).toMatchObject([
      { code: "lease_lost" },
    ]);
    await world.pass(10 * MINUTE);
    const { items } = await world.worker.grants({ entries: [entry] });
    await world.put(items[0], CONTENT);
    expect((await world.worker.grants({ entries: [entry] })).items).toEqual([{ kind: "held" }]);
    await claimed();
    expect((await world.worker.grants({ entries: [entry] })).items).toMatchObject([{ code: "lease_lost" }]);
  });

  it("is downloaded by the job's owner once a result names it", async () => {
    const id = await createJob(world.submitter, { command: ["true"] });
    const lease = await claimed();
    const [grant] = (await world.worker.grants({ entries: [{ use: "deliver", lease: lease.id, index: 0, blob }] }))
      .items;
    await world.put(grant, CONTENT);
    const entry = { use: "output" as const, job: id, index: 0, blob };
    expect((await world.submitter.grants({ entries: [entry] })).items).toMatchObject([{ code: "not_found" }]);
    const log = { bytes: 1, stdoutBytes: 1, stderrBytes: 0, blob };
    await world.worker.finish({
      worker: WORKER,
      items: [{ lease: lease.id, from: 0, results: [{ ...exited(0), log }] }],
    });
    const entries = [entry, { ...entry, index: 1 }, { ...entry, blob: { ...blob, size: 1 } }];
    expect((await world.submitter.grants({ entries })).items).toMatchObject([
      { kind: "one", method: "GET" },
      { code: "not_found" },
      { code: "not_found" },
    ]);
    expect((await (await world.as("other", "submitter")).grants({ entries: [entry] })).items).toMatchObject([
      { code: "not_found" },
    ]);
  });
});

describe("a large input", () => {
  const part = Buffer.alloc(32 * 1024 * 1024, 1);
  const rest = Buffer.alloc(PARTS_FROM_BYTES - part.length, 2);
  const parts = [part, rest];

  it("is uploaded in parts and joined", async () => {
    const whole = createHash("sha256");
    for (const each of parts) whole.update(each);
    const large = { sha256: whole.digest("hex"), size: PARTS_FROM_BYTES };
    const { id, grants } = await submit(world.submitter, withInput(large));
    const [grant] = grants;
    if (grant?.kind !== "parts") throw new Error("not in parts");
    expect(grant).toMatchObject({ partSize: part.length, held: [] });
    const entry = { use: "input" as const, job: id, blob: large };
    const sums: { number: number; etag: string; sha256: string }[] = [];
    for (const [at, bytes] of parts.entries()) {
      const { sha256, size } = blobOf(bytes);
      const asked = { ...entry, part: { upload: grant.upload, number: at + 1, size, sha256 } };
      await world.put((await world.submitter.grants({ entries: [asked] })).items[0], bytes);
      sums.push({ number: at + 1, etag: `"${sha256}"`, sha256 });
    }
    const end = { entry, upload: grant.upload, parts: sums };
    const stranger = await world.as("other", "submitter");
    await expect(stranger.completeUpload(end)).rejects.toMatchObject({ code: "not_found" });
    await expect(world.submitter.completeUpload({ ...end, parts: sums.slice(1) })).rejects.toMatchObject({
      code: "wrong_content",
    });
    const download = { use: "output" as const, job: id, index: 0, blob: large };
    await expect(world.submitter.completeUpload({ ...end, entry: download })).rejects.toMatchObject({
      code: "bad_request",
    });
    expect(await world.submitter.completeUpload(end)).toEqual({ ok: true });
    expect(await world.submitter.completeUpload(end)).toEqual({ ok: true });
    expect(await world.submitter.release({ id })).toMatchObject({ status: "available" });
  });
});
