import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { UnreachableError } from "../../contract/client.ts";
import type { Tree } from "../../contract/manifest.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import type { BlobReader } from "../../files/read-blob.ts";
import { upload } from "../../files/upload.ts";
import { createBlobCache } from "../../worker/blob-cache.ts";
import type { StoredLease } from "../../worker/held.ts";
import { createInputs, createLists } from "../../worker/inputs.ts";
import { listTree, makeTree, temporaryFolder } from "../files/folder.ts";
import { startStore } from "../files/store.ts";

const MIB = 1024 * 1024;
const blobOf = (bytes: Buffer) => ({
  sha256: createHash("sha256").update(bytes).digest("hex"),
  size: bytes.length,
});

async function readAll(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Inputs as a lease has them, from a real store. */
async function leased(files: Parameters<typeof makeTree>[1], items?: string[]) {
  const store = await startStore();
  const source = temporaryFolder();
  makeTree(source, files);
  const built = await buildTree(
    await collectInputs([{ path: ".", each: items !== undefined }], { cwd: source, items }),
  );
  await upload(built.sources, store.transfer("input"));
  store.moved.length = 0;
  const folder = join(temporaryFolder(), "cache");
  const cache = await createBlobCache(folder, 100 * MIB);
  const { client, http, url } = store.transfer("output");
  const lease = (lists = createLists()) => {
    const inputs = createInputs(leaseOf(built.tree), { transfer: { client, http, url }, cache, lists });
    if (!inputs) throw new Error("it has inputs");
    return inputs;
  };
  return { store, source, folder, lease, inputs: lease(), tree: built.tree };
}

function leaseOf(inputs: Tree) {
  const spec = { inputs } as StoredLease["spec"];
  return { lease: { id: "l", spec } as StoredLease, grants: {} };
}

const longTree = Object.fromEntries(Array.from({ length: 800 }, (_, n) => [`${"long".repeat(20)}-${n}`, `${n}`]));

function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

it("a copy that went bad on this disk is noticed when it is used, and it alone is fetched again", async () => {
  const { store, source, folder, inputs } = await leased({ a: randomBytes(MIB), b: randomBytes(2 * MIB) });
  expect(await inputs.place(0, { folder: temporaryFolder(), user: undefined })).toBeUndefined();
  expect(store.moved).toEqual(["GET", "GET"]);
  damage(join(folder, blobOf(readFileSync(join(source, "b"))).sha256));
  const again = temporaryFolder();
  expect(await inputs.place(0, { folder: again, user: undefined })).toBeUndefined();
  expect(listTree(again)).toEqual(listTree(source));
  expect(store.moved).toEqual(["GET", "GET", "GET"]);
});

it("a task fetches what is its own or everybody's, and nothing of other tasks", async () => {
  const files = { all: randomBytes(MIB), a: randomBytes(MIB), b: randomBytes(MIB), c: randomBytes(MIB) };
  const { store, inputs } = await leased(files, ["a", "b", "c"]);
  const into = temporaryFolder();
  expect(await inputs.place(1, { folder: into, user: undefined })).toBeUndefined();
  expect(Object.keys(listTree(into)).sort()).toEqual(["all", "b"]);
  expect(store.moved).toEqual(["GET", "GET"]);
});

it("so is the list of files, when it is a blob itself", async () => {
  const { source, folder, inputs, lease, tree } = await leased(longTree);
  if (!("stored" in tree)) throw new Error("the list is short");
  expect(await inputs.place(0, { folder: temporaryFolder(), user: undefined })).toBeUndefined();
  damage(join(folder, tree.stored.sha256));
  const again = temporaryFolder();
  expect(await lease().place(0, { folder: again, user: undefined })).toBeUndefined();
  expect(listTree(again)).toEqual(listTree(source));
});

it("a long list that another lease has read is not read again", async () => {
  const { source, folder, lease, tree, store } = await leased(longTree);
  if (!("stored" in tree)) throw new Error("the list is short");
  const lists = createLists();
  const [first, second] = [lease(lists), lease(lists)];
  expect(await first.place(0, { folder: temporaryFolder(), user: undefined })).toBeUndefined();
  rmSync(join(folder, tree.stored.sha256));
  const moved = store.moved.length;
  const again = temporaryFolder();
  expect(await second.place(0, { folder: again, user: undefined })).toBeUndefined();
  expect(listTree(again)).toEqual(listTree(source));
  expect(store.moved).toHaveLength(moved);
  expect((await first.manifest(0)).entries).toHaveLength(800);
});

it("bytes that came before a break are not fetched again", async () => {
  const bytes = randomBytes(4 * MIB);
  const asked: number[] = [];
  const fetch: BlobReader = async function* (_, from = 0) {
    asked.push(from);
    for (let at = from; at < bytes.length; at += MIB) {
      if (asked.length === 1 && at === 3 * MIB) throw new UnreachableError("cut", { url: "http://x", sent: true });
      yield bytes.subarray(at, at + MIB);
    }
  };
  const folder = temporaryFolder();
  const read = (await createBlobCache(folder, 100 * MIB)).reader(fetch);
  await expect(readAll(read(blobOf(bytes)))).rejects.toThrow("cut");
  // Another life of the worker.
  const later = (await createBlobCache(folder, 100 * MIB)).reader(fetch);
  expect(blobOf(await readAll(later(blobOf(bytes))))).toEqual(blobOf(bytes));
  expect(asked).toEqual([0, 3 * MIB]);
  expect(readdirSync(folder)).toEqual([blobOf(bytes).sha256]);
});

it("keeps to its size by removing what was not used for longest, and nothing that is read right now", async () => {
  const blobs = [1, 2, 3].map(() => randomBytes(MIB));
  const folder = temporaryFolder();
  const cache = await createBlobCache(folder, 2 * MIB);
  const bytesOf = new Map(blobs.map((bytes) => [blobOf(bytes).sha256, bytes]));
  const read = cache.reader(async function* ({ sha256 }) {
    yield bytesOf.get(sha256) ?? Buffer.alloc(0);
  });
  const [first, second, third] = blobs.map(blobOf);
  if (!first || !second || !third) throw new Error("three");
  for (const [at, blob] of [first, second, third].entries()) {
    await readAll(read(blob));
    utimesSync(join(folder, blob.sha256), 1000 + at, 1000);
  }
  const reading = read(first)[Symbol.asyncIterator]();
  await reading.next();
  await cache.trim();
  expect([first, second, third].map(({ sha256 }) => existsSync(join(folder, sha256)))).toEqual([true, false, true]);
  await reading.return?.();
});
