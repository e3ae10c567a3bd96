import { createHash } from "node:crypto";
import { appendFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { INLINE_PACK_BYTES, MAX_PACK_BYTES, PACKED_FILE_BYTES, PART_BYTES } from "../../contract/limits.ts";
import { blobsOf, manifest as manifestSchema, tree as treeSchema } from "../../contract/manifest.ts";
import { readSource } from "../../files/blob-source.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { hashFile } from "../../files/hash-file.ts";
import { makeTree, temporaryFolder } from "./folder.ts";

const sha = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex");
const build = async (folder: string, path = ".") => buildTree(await collectInputs([{ path }], { cwd: folder }));

describe("a tree", () => {
  it("carries a few small files itself, each content once", async () => {
    const folder = temporaryFolder();
    makeTree(folder, { a: "one", "d/b": "two", "d/c": "one", "d/empty": "", e: undefined, l: { to: "d/b" } });
    const { tree, manifest, sources, bytes } = await build(folder);
    expect(sources).toEqual([]);
    expect(bytes).toBe(9);
    expect(tree).toEqual({ manifest });
    expect(treeSchema.safeParse(tree).success).toBe(true);
    expect(manifest.packs).toEqual([
      { sha256: sha("onetwo"), size: 6, data: Buffer.from("onetwo").toString("base64") },
    ]);
    expect(manifest.entries.map(({ path }) => path)).toEqual(["a", "d", "d/b", "d/c", "d/empty", "e", "l"]);
    expect(manifest.entries[3]).toMatchObject({ path: "d/c", pack: { index: 0, offset: 0 }, sha256: sha("one") });
    expect(blobsOf(tree)).toEqual([]);
  });

  it("is the same whenever it is built", async () => {
    const folder = temporaryFolder();
    const files = Array.from({ length: 300 }, (_, n) => [`f${n}`, `${n}`.repeat(n)]);
    makeTree(folder, { ...Object.fromEntries(files), big1: Buffer.alloc(200_000, 1), big2: Buffer.alloc(300_000, 2) });
    const [first, second] = [await build(folder), await build(folder)];
    expect(first.tree).toEqual(second.tree);
  });

  it("packs files up to 64 KiB and leaves larger ones alone", async () => {
    const folder = temporaryFolder();
    makeTree(folder, { small: Buffer.alloc(PACKED_FILE_BYTES, 1), large: Buffer.alloc(PACKED_FILE_BYTES + 1, 2) });
    const { manifest, sources } = await build(folder);
    expect(manifest.entries).toMatchObject([
      { path: "large", sha256: expect.any(String) },
      { path: "small", pack: { index: 0, offset: 0 } },
    ]);
    expect(manifest.entries[0]).not.toHaveProperty("pack");
    expect(sources.map(({ from }) => from)).toEqual(["pack", "file"]);
  });

  it("sends a pack by itself from the first byte over 8 KiB", async () => {
    const folder = temporaryFolder();
    makeTree(folder, { a: Buffer.alloc(INLINE_PACK_BYTES - 1, 1), b: "2" });
    expect((await build(folder)).sources).toEqual([]);
    makeTree(folder, { c: "3" });
    const { sources, manifest } = await build(folder);
    expect(sources).toMatchObject([{ from: "pack", size: INLINE_PACK_BYTES + 1 }]);
    expect(manifest.packs[0]).not.toHaveProperty("data");
    for (const source of sources) expect(sha(await buffer(readSource(source)))).toBe(source.sha256);
  });

  it("begins another pack before one grows over 32 MiB", async () => {
    const folder = temporaryFolder();
    const count = MAX_PACK_BYTES / PACKED_FILE_BYTES + 1;
    const distinct = (n: number) => Buffer.alloc(PACKED_FILE_BYTES, `${n}.`);
    makeTree(
      folder,
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${String(n).padStart(4, "0")}`, distinct(n)])),
    );
    const { tree, manifest } = await build(folder);
    expect(manifest.packs.map(({ size }) => size)).toEqual([MAX_PACK_BYTES, PACKED_FILE_BYTES]);
    expect(manifest.entries.at(-1)).toMatchObject({ pack: { index: 1, offset: 0 } });
    expect(manifestSchema.safeParse(manifest).success).toBe(true);
    // So many entries make a manifest that travels as a blob of its own.
    expect(tree).toMatchObject({ stored: { sha256: sha(JSON.stringify(manifest)) } });
    expect(blobsOf(tree)).toHaveLength(3);
  });

  it("hears of every byte that was read", async () => {
    const folder = temporaryFolder();
    makeTree(folder, { a: "12345", big: Buffer.alloc(3_000_000) });
    let seen = 0;
    const items = await collectInputs([{ path: "." }], { cwd: folder });
    await buildTree(items, { onBytes: (bytes) => (seen += bytes) });
    expect(seen).toBe(3_000_005);
  });

  it("refuses links that lead out by way of each other", async () => {
    const folder = temporaryFolder();
    makeTree(folder, { "a/b/up": { to: "../.." }, "a/b/out": { to: "up/../x" } });
    await expect(build(folder)).rejects.toMatchObject({ code: "bad_path", details: { path: "a/b/out" } });
  });
});

describe("a file that changes", () => {
  it.each([
    ["grows", (path: string) => appendFileSync(path, "more")],
    ["shrinks", (path: string) => truncateSync(path, 1)],
    ["becomes another", replaceFile],
  ])("%s after it was looked at is named", async (_, change) => {
    const folder = temporaryFolder();
    for (const size of [100, 100_000]) {
      makeTree(folder, { f: "x".repeat(size) });
      const items = await collectInputs([{ path: "f" }], { cwd: folder });
      change(join(folder, "f"));
      const error = await buildTree(items).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: "wrong_content",
        message: expect.stringContaining(join(folder, "f")),
        details: { path: "f" },
      });
    }
  });

  it("vanishes: there is no such file", async () => {
    const folder = temporaryFolder();
    makeTree(folder, { f: "x" });
    const items = await collectInputs([{ path: "f" }], { cwd: folder });
    rmSync(join(folder, "f"));
    await expect(buildTree(items)).rejects.toMatchObject({ code: "no_such_file" });
  });
});

it("the parts of a large file are hashed in the same reading", async () => {
  const folder = temporaryFolder();
  const bytes = Buffer.alloc(PART_BYTES * 3 + 5 * 1024 * 1024 + 3);
  for (let at = 0; at < bytes.length; at += 4096) bytes.writeUInt32LE(at, at % (bytes.length - 4));
  makeTree(folder, { f: bytes });
  const [item] = await collectInputs([{ path: "f" }], { cwd: folder });
  if (item?.kind !== "file") throw new Error("it is a file");
  const source = await hashFile(item);
  const slices = [0, 1, 2, 3].map((n) => sha(bytes.subarray(n * PART_BYTES, (n + 1) * PART_BYTES)));
  expect(source).toMatchObject({ sha256: sha(bytes), parts: { size: PART_BYTES, sha256: slices } });
});

it("an abort ends the reading", async () => {
  const folder = temporaryFolder();
  makeTree(folder, { f: Buffer.alloc(5_000_000) });
  const items = await collectInputs([{ path: "f" }], { cwd: folder });
  const stop = new AbortController();
  const building = buildTree(items, { signal: stop.signal, onBytes: () => stop.abort(new Error("enough")) });
  await expect(building).rejects.toThrow("enough");
});

function replaceFile(path: string): void {
  rmSync(path);
  writeFileSync(path, "y".repeat(100_000));
}
