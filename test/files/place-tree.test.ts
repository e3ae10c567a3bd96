import { hash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Manifest, ManifestEntry } from "../../contract/manifest.ts";
import { readManifest } from "../../files/download.ts";
import { createFetchRecord } from "../../files/fetch-record.ts";
import { type PlaceOptions, placeTree } from "../../files/place-tree.ts";
import type { BlobReader } from "../../files/read-blob.ts";
import { listTree, makeTree, temporaryFolder } from "./folder.ts";

const contents = new Map<string, Buffer>();
const read: BlobReader = async function* ({ sha256 }) {
  yield contents.get(sha256) ?? Buffer.alloc(0);
};
function file(path: string, text: string, mode = 0o644): ManifestEntry {
  const bytes = Buffer.from(text);
  const sha256 = hash("sha256", bytes);
  contents.set(sha256, bytes);
  return { kind: "file", path, size: bytes.length, sha256, mode };
}
const link = (path: string, target: string): ManifestEntry => ({ kind: "link", path, target });
const dir = (path: string, mode = 0o755): ManifestEntry => ({ kind: "dir", path, mode });
const tree = (...entries: ManifestEntry[]): Manifest => ({ entries, packs: [] });

const place = (manifest: Manifest, into: string, options: PlaceOptions = {}) =>
  placeTree(manifest, into, { ...options, read });
const failure = (running: Promise<unknown>): Promise<unknown> =>
  running.then(
    () => undefined,
    (error: unknown) => error,
  );

it.skipIf(process.platform !== "linux")("a folder that can't be made is told at once", async () => {
  expect(await failure(place(tree(file("f", "1")), "/proc/x/y"))).toMatchObject({ code: "no_such_file" });
  const into = temporaryFolder();
  makeTree(into, { f: "a file" });
  expect(await failure(place(tree(file("f", "1")), join(into, "f")))).toMatchObject({ code: "disk_error" });
  expect(await failure(place(tree(file("f", "1")), join(into, "a/b")))).toBeUndefined();
});

describe("a hostile manifest", () => {
  const sha256 = "a".repeat(64);
  it.each([
    ["a path that leads out", [{ ...file("x", ""), path: "../x" }]],
    ["an absolute path", [{ ...file("x", ""), path: "/etc/x" }]],
    ["a newline in a name", [{ ...file("x", ""), path: "a\nb" }]],
    ["a file below a link", [link("l", "d"), file("l/x", "1")]],
    ["a file below a file", [file("f", "1"), file("f/x", "1")]],
    ["one path twice", [file("f", "1"), file("f", "2")]],
    ["a link that leads out", [link("l", "../x")]],
    ["an absolute link", [link("l", "/etc/passwd")]],
    [
      "a file beyond its pack",
      [{ kind: "file", path: "f", size: 9, sha256, mode: 0o644, pack: { index: 0, offset: 0 } }],
    ],
    ["a mode with more than permissions", [{ ...file("f", "1"), mode: 0o4755 }]],
  ])("with %s is refused before anything is written", async (_, entries) => {
    const hostile = { manifest: { entries, packs: [] } } as unknown as Parameters<typeof readManifest>[0];
    expect(await failure(readManifest(hostile, read))).toMatchObject({ code: "bad_path" });
  });

  it("that is no JSON is refused", async () => {
    const bytes = Buffer.from("{no json");
    const sha256 = hash("sha256", bytes);
    contents.set(sha256, bytes);
    const stored = { sha256, size: bytes.length };
    expect(await failure(readManifest({ stored, blobs: [] }, read))).toMatchObject({ code: "bad_path" });
  });

  it("whose links lead out by way of each other is refused", async () => {
    const into = temporaryFolder();
    const entries = [dir("a"), dir("a/b"), link("a/b/up", "../.."), link("a/b/out", "up/../etc")];
    expect(await failure(place(tree(...entries), into))).toMatchObject({ code: "bad_path" });
    expect(listTree(into)).toEqual({});
  });

  it("may hold a loop of links, which harms nobody", async () => {
    const into = temporaryFolder();
    await place(tree(link("a", "b"), link("b", "a")), into);
    expect(listTree(into)).toEqual({ a: "-> b", b: "-> a" });
  });
});

describe("what is there already", () => {
  it("a link on the way is never written through", async () => {
    const [into, elsewhere] = [temporaryFolder(), temporaryFolder()];
    symlinkSync(elsewhere, join(into, "d"));
    const error = await failure(place(tree(file("d/f", "1")), into, { force: true }));
    expect(error).toMatchObject({ code: "would_overwrite", message: expect.stringContaining("link") });
    expect(listTree(elsewhere)).toEqual({});
  });

  it("a link in the place of a file is replaced by force, and what it leads to stays", async () => {
    const into = temporaryFolder();
    makeTree(into, { target: "mine", f: { to: "target" } });
    expect(await failure(place(tree(file("f", "1")), into))).toMatchObject({ code: "would_overwrite" });
    await place(tree(file("f", "1")), into, { force: true });
    expect(listTree(into)).toEqual({ target: "644 mine", f: "644 1" });
  });

  it("the same content is left alone, another is named before anything is written", async () => {
    const into = temporaryFolder();
    makeTree(into, { same: "1", "d/other": "mine" });
    const before = statSync(join(into, "same")).ino;
    const error = await failure(place(tree(file("same", "1"), file("d/other", "2"), file("new", "3")), into));
    expect(error).toMatchObject({ code: "would_overwrite", details: { paths: ["d/other"] } });
    expect(listTree(into)).toEqual({ same: "644 1", d: "755 folder", "d/other": "644 mine" });
    expect(await place(tree(file("same", "1"), file("new", "3")), into)).toMatchObject({ files: 1, unchanged: 1 });
    expect(statSync(join(into, "same")).ino).toBe(before);
  });

  it("what an earlier fetch wrote may be replaced, unless it was changed since", async () => {
    const into = temporaryFolder();
    const record = createFetchRecord(join(temporaryFolder(), "fetched"));
    await place(tree(file("a", "1"), link("l", "a"), file("b", "1")), into, { record });
    await place(tree(file("a", "2"), link("l", "b"), file("b", "1")), into, { record });
    expect(listTree(into)).toEqual({ a: "644 2", b: "644 1", l: "-> b" });
    writeFileSync(join(into, "a"), "my own work");
    expect(await failure(place(tree(file("a", "3")), into, { record }))).toMatchObject({ code: "would_overwrite" });
    await place(tree(file("a", "3")), into, { record, force: true });
    await place(tree(file("a", "4")), into, { record });
    expect(readFileSync(join(into, "a"), "utf8")).toBe("4");
  });

  it("a folder is never replaced by a file, nor a file by a folder", async () => {
    const into = temporaryFolder();
    makeTree(into, { "d/f": "1", f: "1" });
    expect(await failure(place(tree(file("d", "1")), into, { force: true }))).toMatchObject({
      code: "would_overwrite",
    });
    expect(await failure(place(tree(dir("f")), into, { force: true }))).toMatchObject({ code: "would_overwrite" });
    expect(listTree(into)).toEqual({ d: "755 folder", "d/f": "644 1", f: "644 1" });
  });

  it("many in the way are counted", async () => {
    const into = temporaryFolder();
    const names = Array.from({ length: 20 }, (_, n) => `f${n}`);
    makeTree(into, Object.fromEntries(names.map((name) => [name, "mine"])));
    const error = await failure(place(tree(...names.map((name) => file(name, "1"))), into));
    expect(error).toMatchObject({ message: expect.stringContaining("and 15 more") });
  });
});

it("modes arrive whatever the umask, and the owner can always clean up", async () => {
  const into = temporaryFolder();
  const umask = process.umask(0o077);
  try {
    await place(tree(dir("d", 0o555), file("d/run", "1", 0o755), file("d/shut", "2", 0o040)), into);
  } finally {
    process.umask(umask);
  }
  expect(listTree(into)).toEqual({ d: "755 folder", "d/run": "755 1", "d/shut": "640 2" });
});

it("small files come into a folder that is new with their modes, and what is there in spite of that is not touched", async () => {
  const bytes = Buffer.from("onetwo");
  const pack = { sha256: hash("sha256", bytes), size: bytes.length, data: bytes.toString("base64") };
  const member = (path: string, offset: number, mode: number) => {
    const entry = file(path, bytes.toString("utf8", offset, offset + 3), mode);
    return entry.kind === "file" ? { ...entry, pack: { index: 0, offset } } : entry;
  };
  const packed = (...entries: ManifestEntry[]): Manifest => ({ entries, packs: [pack] });
  const into = temporaryFolder();
  const umask = process.umask(0o077);
  try {
    await place(packed(member("d/one", 0, 0o755), member("two", 3, 0o444)), into, { fresh: true });
  } finally {
    process.umask(umask);
  }
  expect(listTree(into)).toEqual({ d: "700 folder", "d/one": "755 one", two: "644 two" });

  symlinkSync("two", join(into, "link"));
  for (const path of ["link", "two"])
    expect(await failure(place(packed(member(path, 0, 0o644)), into, { fresh: true }))).toMatchObject({
      code: "disk_error",
    });
  expect(readFileSync(join(into, "two"), "utf8")).toBe("two");
  const wrong = { ...member("new", 0, 0o644), sha256: "0".repeat(64) } as ManifestEntry;
  expect(await failure(place(packed(wrong), into, { fresh: true }))).toMatchObject({ code: "wrong_content" });
  expect(readdirSync(into).sort()).toEqual(["d", "link", "two"]);
});

it("a folder that can't be made is a disk error that names it", async () => {
  const folder = temporaryFolder();
  makeTree(folder, { f: "1" });
  expect(await failure(place(tree(), join(folder, "f", "x")))).toMatchObject({
    code: "no_such_file",
    details: { path: join(folder, "f", "x") },
  });
  mkdirSync(join(folder, "ok"));
  expect(await place(tree(), join(folder, "ok"))).toEqual({ files: 0, bytes: 0, unchanged: 0 });
});

it("the failure of one file ends its neighbours, and leaves nothing half", async () => {
  const into = temporaryFolder();
  let pieces = 0;
  const [bad, endless] = [file("bad", "b"), file("endless", "e")];
  const broken: BlobReader = async function* ({ sha256 }) {
    if (bad.kind === "file" && sha256 === bad.sha256) throw new Error("broken line");
    for (;;) {
      pieces += 1;
      yield Buffer.alloc(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await expect(placeTree(tree(endless, bad), into, { read: broken })).rejects.toThrow("broken line");
  expect(pieces).toBeGreaterThan(0);
  expect(listTree(into)).toEqual({});
});

it("a damaged record of fetched files is said to be, and nothing is overwritten", async () => {
  const [into, records] = [temporaryFolder(), temporaryFolder()];
  const record = createFetchRecord(records);
  await place(tree(file("a", "1")), into, { record });
  for (const name of readdirSync(records)) writeFileSync(join(records, name), "{");
  expect(await failure(place(tree(file("a", "2")), into, { record }))).toMatchObject({ code: "disk_error" });
  expect(listTree(into)).toEqual({ a: "644 1" });
});
