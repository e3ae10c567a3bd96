import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished, vi } from "vitest";
import { MAX_BLOB_BYTES } from "../../contract/limits.ts";
import { buildTree } from "../../files/build-tree.ts";
import { collectInputs } from "../../files/collect.ts";
import { download } from "../../files/download.ts";
import { upload } from "../../files/upload.ts";
import { listTree, makeTree, temporaryFolder } from "./folder.ts";
import { startStore } from "./store.ts";

const MIB = 1024 * 1024;
const fetcher = fileURLToPath(new URL("fetch-process.ts", import.meta.url));
const loader = new URL("../../scripts/ts.mjs", import.meta.url).href;

async function stored(tree: Parameters<typeof makeTree>[1]) {
  const store = await startStore();
  const folder = temporaryFolder();
  makeTree(folder, tree);
  const built = await buildTree(await collectInputs([{ path: "." }], { cwd: folder }));
  await upload(built.sources, store.transfer("input"));
  store.moved.length = 0;
  return { store, folder, tree: built.tree };
}

/** Sends so much of an answer, and then nothing. */
function stallAfter(response: ServerResponse, most: number): void {
  const { write } = response;
  let bytes = 0;
  response.write = (chunk: Buffer) => {
    if (bytes > most) return false;
    bytes += chunk.length;
    return write.call(response, chunk, "utf8");
  };
}

const partsIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith(".part"));
const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");
/** As files/part-files.ts names what process `pid` writes. */
const partName = (file: string, content: Buffer, pid: number) =>
  `.rendt-${sha256(file).slice(0, 12)}-${sha256(content).slice(0, 16)}-${pid}-00000000.part`;
/** More than any system has. */
const DEAD = 2 ** 22 + 1;

it("a fetch that was killed is carried on with where it broke off", async () => {
  const { store, folder, tree } = await stored({ big: randomBytes(4 * MIB) });
  store.fault = (_, response) => {
    stallAfter(response, 2 * MIB);
    return false;
  };
  const into = temporaryFolder();
  const child = spawn(process.execPath, ["--import", loader, fetcher, store.url, JSON.stringify(tree), into], {
    stdio: "inherit",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await vi.waitFor(
    () => expect(partsIn(into).map((name) => statSync(join(into, name)).size)).toEqual([expect.any(Number)]),
    20_000,
  );
  await vi.waitFor(() => expect(statSync(join(into, partsIn(into)[0] ?? "")).size).toBeGreaterThan(MIB), 20_000);
  child.kill("SIGKILL");
  await once(child, "exit");

  store.fault = undefined;
  store.moved.length = 0;
  let bytes = 0;
  await download(tree, into, store.transfer("output", { onBytes: (more) => (bytes += more) }));
  expect(store.moved).toEqual([expect.stringMatching(/^GET bytes=[1-9]\d{6}-$/)]);
  expect(listTree(into)).toEqual(listTree(folder));
  expect(bytes).toBe(4 * MIB);
});

it("a fetch that was told to stop keeps what it has, and the next one goes on", async () => {
  const { store, folder, tree } = await stored({ big: randomBytes(4 * MIB) });
  const stop = new AbortController();
  store.fault = (_, response) => {
    stallAfter(response, 3 * MIB);
    return false;
  };
  const into = temporaryFolder();
  let bytes = 0;
  const onBytes = (more: number) => {
    bytes += more;
    if (bytes >= 2 * MIB) stop.abort(new Error("enough"));
  };
  await expect(download(tree, into, store.transfer("output", { signal: stop.signal, onBytes }))).rejects.toThrow();
  expect(partsIn(into)).toHaveLength(1);
  store.fault = undefined;
  store.moved.length = 0;
  await download(tree, into, store.transfer("output"));
  expect(store.moved).toEqual([expect.stringMatching(/^GET bytes=[1-9]\d{6}-$/)]);
  expect(listTree(into)).toEqual(listTree(folder));
});

it("what was left with bytes that never reached the disk is fetched anew", async () => {
  const content = randomBytes(2 * MIB);
  const { store, folder, tree } = await stored({ big: content });
  const into = temporaryFolder();
  writeFileSync(join(into, partName("big", content, DEAD)), Buffer.alloc(MIB));
  await download(tree, into, store.transfer("output"));
  expect(store.moved).toEqual([`GET bytes=${MIB}-`, "GET"]);
  expect(listTree(into)).toEqual(listTree(folder));
});

it("what was left of another version is replaced, of a small file and of a large one", async () => {
  const { store, folder, tree } = await stored({ big: randomBytes(MIB), small: "text" });
  const into = temporaryFolder();
  for (const file of ["big", "small"]) writeFileSync(join(into, partName(file, Buffer.from("old"), DEAD)), "old");
  await download(tree, into, store.transfer("output"));
  expect(listTree(into)).toEqual(listTree(folder));
});

it("what a living program writes is left to it", async () => {
  const content = randomBytes(2 * MIB);
  const { store, tree } = await stored({ big: content });
  const into = temporaryFolder();
  const theirs = partName("big", content, process.ppid);
  writeFileSync(join(into, theirs), content.subarray(0, MIB));
  await download(tree, into, store.transfer("output"));
  expect(store.moved).toEqual(["GET"]);
  expect(readdirSync(into).sort()).toEqual([theirs, "big"].sort());
});

it("two fetches of one program into one folder do not touch each other's", async () => {
  const { store, folder, tree } = await stored({ a: randomBytes(2 * MIB), b: randomBytes(2 * MIB) });
  const into = temporaryFolder();
  await Promise.all([download(tree, into, store.transfer("output")), download(tree, into, store.transfer("output"))]);
  expect(listTree(into)).toEqual(listTree(folder));
});

it("never writes through a link that has the name of a part", async () => {
  const content = randomBytes(2 * MIB);
  const { store, folder, tree } = await stored({ big: content });
  const [into, elsewhere] = [temporaryFolder(), join(temporaryFolder(), "precious")];
  writeFileSync(elsewhere, "precious");
  symlinkSync(elsewhere, join(into, partName("big", content, DEAD)));
  await download(tree, into, store.transfer("output"));
  expect(listTree(into)).toEqual(listTree(folder));
  expect(readFileSync(elsewhere, "utf8")).toBe("precious");
});

it.skipIf(process.getuid?.() !== 0)("goes on with nothing that another user could still change", async () => {
  const content = randomBytes(2 * MIB);
  const { store, folder, tree } = await stored({ big: content });
  const into = temporaryFolder();
  const theirs = join(into, partName("big", content, DEAD));
  writeFileSync(theirs, content.subarray(0, MIB));
  chownSync(theirs, 65_534, 65_534);
  await download(tree, into, store.transfer("output"));
  expect(store.moved).toEqual(["GET"]);
  expect(statSync(join(into, "big")).uid).toBe(0);
  expect(listTree(into)).toEqual(listTree(folder));
});

it("refuses before the first byte what the disk has no room for", async () => {
  const { store } = await stored({});
  const entries = Array.from({ length: 100 }, (_, n) => {
    const sha256 = `${n}`.padStart(64, "0");
    return { kind: "file", path: `huge-${n}`, size: MAX_BLOB_BYTES, sha256, mode: 0o644 } as const;
  });
  const into = temporaryFolder();
  const tree = { manifest: { entries, packs: [] } };
  await expect(download(tree, into, store.transfer("output"))).rejects.toMatchObject({
    code: "disk_error",
    details: { errno: "ENOSPC", wanted: 100 * MAX_BLOB_BYTES },
  });
  expect(store.asked).toEqual([]);
});
