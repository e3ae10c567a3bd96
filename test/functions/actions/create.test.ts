import { describe, expect, it } from "vitest";
import { MAX_BODY_BYTES, MAX_FREE_GRANTS } from "../../../contract/limits.ts";
import {
  blobOf,
  createJob,
  exited,
  HOUR,
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

const ID = "j0000000000aa";
const bytes = (text: string) => new TextEncoder().encode(text);
const file = (path: string, content: Uint8Array) => ({ kind: "file" as const, path, mode: 0o644, ...blobOf(content) });
const withInputs = (...contents: Uint8Array[]) => ({
  command: ["cat", "f0"],
  inputs: { manifest: { entries: contents.map((content, at) => file(`f${at}`, content)) } },
});
const errorOf = (item: unknown) => (item as { error?: { code: string; message: string } }).error;

describe("the same request under the same id", () => {
  it("finds its job instead of making another", async () => {
    const jobs = [{ id: ID, spec: { command: ["true"] } }];
    const first = await world.submitter.create({ jobs });
    const again = await world.submitter.create({ jobs });
    expect(first.items).toMatchObject([{ id: ID, existing: false, status: "available" }]);
    expect(again.items).toMatchObject([{ id: ID, existing: true, status: "available" }]);
    expect((await world.submitter.list()).items).toHaveLength(1);
  });

  it("sent twice at once makes one job", async () => {
    const jobs = [{ id: ID, spec: { command: ["true"] } }];
    const answers = await Promise.all([1, 2, 3].map(() => world.submitter.create({ jobs })));
    expect(answers.map(({ items }) => (items[0] as { existing: boolean }).existing).sort()).toEqual([
      false,
      true,
      true,
    ]);
  });

  it("is refused when it asks for something else, or comes from another account", async () => {
    await createJob(world.submitter, { command: ["true"] }, { id: ID });
    const other = await world.submitter.create({ jobs: [{ id: ID, spec: { command: ["false"] } }] });
    const stranger = await (await world.as("other", "submitter")).create({
      jobs: [{ id: ID, spec: { command: ["true"] } }],
    });
    expect([errorOf(other.items[0])?.code, errorOf(stranger.items[0])?.code]).toEqual(["id_taken", "id_taken"]);
  });

  it("leaves nothing of a refused request in the store", async () => {
    const pageOf = (items: string[]) => ({ job: ID, hash: blobOf(bytes(JSON.stringify(items))).sha256 });
    const create = async (items: string[]) =>
      (await world.submitter.create({ jobs: [{ id: ID, spec: { command: ["echo", "{}"], items } }] })).items[0];
    expect(await create(["a", "b"])).toMatchObject({ id: ID, existing: false });
    expect(errorOf(await create(["c"]))?.code).toBe("id_taken");
    expect(await create(["a", "b"])).toMatchObject({ id: ID, existing: true });
    const documents = await world.store.getDocuments([pageOf(["a", "b"]), pageOf(["c"])]);
    expect(documents).toEqual(['["a","b"]', undefined]);
  });
});

describe("a key", () => {
  it("gives the same id to the same account, another one to another, and none that can be guessed", async () => {
    const jobs = [{ key: "nightly 2026-11-21", spec: { command: ["true"] } }];
    const [first] = (await world.submitter.create({ jobs })).items;
    const [again] = (await world.submitter.create({ jobs })).items;
    const [other] = (await (await world.as("other", "submitter")).create({ jobs })).items;
    expect(first).toMatchObject({ existing: false, id: expect.stringMatching(/^j[0-9a-hjkmnp-tv-z]{12}$/) });
    expect(again).toMatchObject({ existing: true, id: first?.["id"] });
    expect(other).toMatchObject({ existing: false });
    expect(other?.["id"]).not.toBe(first?.["id"]);
    const changed = await world.submitter.create({
      jobs: [{ key: "nightly 2026-11-21", spec: { command: ["false"] } }],
    });
    expect(errorOf(changed.items[0])?.code).toBe("id_taken");
  });

  it("beside an id is a mistake", async () => {
    const { items } = await world.submitter.create({ jobs: [{ id: ID, key: "k", spec: { command: ["true"] } }] });
    expect(errorOf(items[0])?.code).toBe("bad_request");
  });
});

describe("inputs", () => {
  it("are asked for by upload grants, and release the job once they are there", async () => {
    const content = bytes("hello");
    const created = await submit(world.submitter, withInputs(content), { id: ID });
    expect(created).toMatchObject({ status: "uploading", missing: [blobOf(content)] });
    await expect(world.submitter.release({ id: ID })).rejects.toMatchObject({
      code: "inputs_missing",
      details: { missing: [blobOf(content)] },
    });
    await world.put(created.grants[0], content);
    expect(await world.submitter.release({ id: ID })).toMatchObject({ status: "available" });
    expect(await world.submitter.release({ id: ID })).toMatchObject({ status: "available", version: 2 });
    const { leases } = await world.worker.claim({ worker: WORKER, leases: 1 });
    expect(Object.keys(leases[0]?.grants ?? {})).toEqual([blobOf(content).sha256]);
  });

  it("that this account uploaded before, this month or the last, are not asked for again", async () => {
    const content = bytes("shared");
    const first = await submit(world.submitter, withInputs(content));
    await world.put(first.grants[0], content);
    for (const wait of [0, 20 * 24 * HOUR]) {
      world.outage(wait);
      const { items } = await world.submitter.create({ jobs: [{ spec: withInputs(content) }] });
      expect(items).toMatchObject([{ status: "available", missing: [], grants: [] }]);
      const { leases } = await world.worker.claim({ worker: WORKER, leases: 1 });
      expect(leases[0]?.grants[blobOf(content).sha256]).toMatchObject({ kind: "one", method: "GET" });
    }
    const stranger = await world.as("other", "submitter");
    expect((await stranger.create({ jobs: [{ spec: withInputs(content) }] })).items).toMatchObject([
      { status: "uploading" },
    ]);
  });

  it("come with at most 16 grants unasked", async () => {
    const contents = Array.from({ length: 20 }, (_, at) => bytes(`content ${at}`));
    const { missing, grants } = await submit(world.submitter, withInputs(...contents));
    expect([missing.length, grants.length]).toEqual([20, MAX_FREE_GRANTS]);
  });

  it("are kept for 30 days, so that a job that has any can't begin later; one without may", async () => {
    const DAY = 86_400_000;
    const file = blobOf(Buffer.from("a file"));
    const entries = [{ kind: "file" as const, path: "f", mode: 0o644, ...file }];
    const inputs = { manifest: { entries, packs: [] } };
    const delayed = (spec: object) => world.submitter.create({ jobs: [{ spec: { command: ["true"], ...spec } }] });
    const { items } = await delayed({ inputs, delayMs: 31 * DAY });
    expect(items).toMatchObject([
      { error: { code: "bad_request", message: expect.stringContaining("at most 30 days") } },
    ]);
    expect((await delayed({ inputs, delayMs: 30 * DAY })).items).toMatchObject([{ status: "uploading" }]);
    expect((await delayed({ delayMs: 300 * DAY })).items).toMatchObject([{ status: "waiting" }]);
  });

  it("that never come end the job after a week", async () => {
    await createJob(world.submitter, withInputs(bytes("x")), { id: ID });
    world.outage(7 * 24 * HOUR);
    await world.sweep();
    expect((await world.submitter.get({ ids: [ID] })).items).toMatchObject([{ status: "cancelled" }]);
  });
});

describe("a spec", () => {
  it("that reads its standard input from no input is refused", async () => {
    const { items } = await world.submitter.create({ jobs: [{ spec: { command: ["cat"], stdin: "nothing" } }] });
    expect(errorOf(items[0])).toMatchObject({ code: "bad_path", message: expect.stringContaining('"nothing"') });
  });

  it("may not name another account's queue", async () => {
    const { items } = await world.submitter.create({ jobs: [{ spec: { command: ["true"], queue: "@other" } }] });
    expect(errorOf(items[0])).toMatchObject({
      code: "bad_request",
      message: expect.stringContaining("@main or public"),
    });
  });

  it("longer than a document is refused by its own code", async () => {
    const command = ["echo", ...Array.from({ length: 3 }, () => "x".repeat(100_000))];
    const { items } = await world.submitter.create({ jobs: [{ spec: { command } }] });
    expect(errorOf(items[0])?.code).toBe("spec_too_large");
  });

  it("arrives at the worker as it was written, long or short", async () => {
    const odd = ["", "a b", "it's", 'say "hi"', "two\nlines", "🙂", "\u0001"];
    for (const command of [
      ["echo", ...odd],
      ["echo", "y".repeat(50_000), ...odd],
    ]) {
      const id = await createJob(world.submitter, { command, env: { A: "1", B: "" } });
      const { leases } = await world.worker.claim({ worker: WORKER, leases: 1, job: id });
      expect(leases[0]?.spec).toMatchObject({ command, env: { A: "1", B: "" } });
      expect((await world.submitter.show({ id })).spec.command).toEqual(command);
    }
  });

  it("among others is refused for itself", async () => {
    const good = { spec: { command: ["true"] } };
    const { items } = await world.submitter.create({ jobs: [good, { spec: { command: ["cat"], stdin: "-" } }, good] });
    expect(items.map((item) => errorOf(item)?.code ?? "made")).toEqual(["made", "bad_path", "made"]);
  });
});

describe("items", () => {
  it("make one task each and travel with their lease", async () => {
    const items = Array.from({ length: 40 }, (_, at) => `item ${at} ${"x".repeat(at)}`);
    const id = await createJob(world.submitter, { command: ["echo", "{}"], items });
    const seen = new Map<number, string>();
    let leases = (await world.worker.claim({ worker: WORKER, leases: 8 })).leases;
    while (leases.length > 0) {
      const done = leases.map(({ id: lease, from, upTo, items: own = [] }) => {
        for (const [at, item] of own.entries()) seen.set(from + at, item);
        return { lease, from, results: Array.from({ length: upTo - from }, (_, at) => exited(from + at)) };
      });
      leases = (await world.worker.finish({ worker: WORKER, items: done, leases: 8 })).leases;
    }
    expect([...seen].sort(([a], [b]) => a - b).map(([, item]) => item)).toEqual(items);
    expect((await world.submitter.get({ ids: [id] })).items).toMatchObject([
      { status: "finished", count: 40, tasks: { succeeded: 40 } },
    ]);
  });

  it("that are long come in leases that fit into one answer", async () => {
    const items = Array.from({ length: 900 }, (_, at) => `${at} `.padEnd(4000, "x"));
    await createJob(world.submitter, { command: ["echo", "{}"], items });
    let leases = (await world.worker.claim({ worker: WORKER, leases: 1 })).leases;
    let tasks = 0;
    while (leases.length > 0) {
      expect(JSON.stringify(leases).length).toBeLessThan(MAX_BODY_BYTES);
      const done = leases.map(({ id: lease, from, upTo }) => {
        tasks += upTo - from;
        return { lease, from, results: Array.from({ length: upTo - from }, (_, at) => exited(from + at)) };
      });
      leases = (await world.worker.finish({ worker: WORKER, items: done, leases: 64 })).leases;
    }
    expect(tasks).toBe(900);
  });

  it("that are not as many as the array has tasks are a mistake", async () => {
    const { items } = await world.submitter.create({
      jobs: [
        { spec: { command: ["echo"], items: ["a", "b"], array: { count: 3 } } },
        { spec: { command: ["echo"], items: [] } },
      ],
    });
    expect(items.map((item) => errorOf(item)?.code)).toEqual(["bad_request", "bad_request"]);
  });
});
