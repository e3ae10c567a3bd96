import { execFileSync } from "node:child_process";
import { link, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OneGrant } from "../../../contract/grant.ts";
import { inputKey, monthsAt } from "../../../functions/blobs/keys.ts";
import { type DiskSubject, openDisk, putBlob } from "./disk-subject.ts";
import { type Content, freshKey, randomContent, refOf, send, soon } from "./subject.ts";

const DAY_MS = 86_400_000;

let folder: string;
let disk: DiskSubject;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rendt-blobs-"));
});
afterEach(async () => {
  await disk.close();
  await rm(folder, { recursive: true });
});

const put = (blob: Content, key?: string) => putBlob(disk, blob, key);

async function putPart(key: string, upload: string, number: number, piece: Content): Promise<number> {
  const grant = await disk.blobs.grantPart(key, { upload, number, ...refOf(piece) }, soon());
  return (await send(disk, { grant, body: piece.bytes })).status;
}

const files = async (place: string) =>
  (await readdir(join(folder, place), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

describe("a limit on the bytes of the store", () => {
  it("refuses what would exceed it and counts what is removed", async () => {
    disk = await openDisk({ folder, maxBytes: 1000 });
    const first = await put(randomContent(600));
    expect(first.status).toBe(200);
    expect(await put(randomContent(500))).toMatchObject({ status: 507, code: "storage_full" });
    expect(await files("incoming")).toEqual([]);
    expect((await put(randomContent(400))).status).toBe(200);
    await disk.blobs.folder.removePrefix(first.key.slice(0, first.key.lastIndexOf("/")));
    expect((await put(randomContent(500))).status).toBe(200);
    expect((await put(randomContent(101))).status).toBe(507);
  });

  it("counts nothing for a refused PUT, and parts once", async () => {
    disk = await openDisk({ folder, maxBytes: 1000 });
    const blob = randomContent(500);
    const key = freshKey(blob.sha256);
    const grant = await disk.blobs.grantPut(key, refOf(blob), soon());
    for (let n = 0; n < 5; n++) expect((await send(disk, { grant, body: randomContent(500).bytes })).status).toBe(400);
    const { upload } = await disk.blobs.startParts(key, refOf(blob));
    expect(await putPart(key, upload, 1, randomContent(500))).toBe(200);
    for (let n = 0; n < 3; n++) expect(await putPart(key, upload, 1, blob)).toBe(n === 0 ? 200 : 507);
    await disk.blobs.completeParts(key, refOf(blob), upload, [{ number: 1, sha256: blob.sha256 }]);
    expect((await put(randomContent(500))).status).toBe(200);
    expect((await put(randomContent(1))).status).toBe(507);
  });

  it("knows after a restart what is there", async () => {
    disk = await openDisk({ folder, maxBytes: 1000 });
    const blob = randomContent(300);
    expect((await put(randomContent(300))).status).toBe(200);
    const { upload } = await disk.blobs.startParts("out/j/0/l/x", refOf(blob));
    expect(await putPart("out/j/0/l/x", upload, 1, blob)).toBe(200);
    await disk.close();
    // A server that died between joining parts and forgetting the upload leaves a file with two names.
    const [part = ""] = await readdir(join(folder, "uploads/out/j/0/l/x", upload));
    await link(join(folder, "uploads/out/j/0/l/x", upload, part), join(folder, "objects/second-name"));
    disk = await openDisk({ folder, maxBytes: 1000 });
    expect((await put(randomContent(401))).status).toBe(507);
    expect((await put(randomContent(400))).status).toBe(200);
  });
});

describe("a part whose connection breaks", () => {
  const part = randomContent(5_000_000);
  const key = freshKey(part.sha256);
  const begin = async () => {
    const { upload } = await disk.blobs.startParts(key, refOf(part));
    const grant = () => disk.blobs.grantPart(key, { upload, number: 1, ...refOf(part) }, soon());
    return { upload, grant };
  };
  /** Sends a beginning and breaks off; answers the next grant, which says how much of it came. */
  async function cutAfter(bytes: number, grant: () => Promise<OneGrant>): Promise<OneGrant> {
    await send(disk, { grant: await grant(), body: part.bytes.subarray(0, bytes), cut: true }).catch(() => undefined);
    return vi.waitFor(async () => {
      const next = await grant();
      expect(next.rest).toBeDefined();
      return next;
    });
  }
  const restOf = ({ rest, ...grant }: OneGrant): OneGrant => ({ ...grant, ...rest });

  it("goes on where it broke off, as often as it does, and is the same in the end", async () => {
    disk = await openDisk({ folder, maxBytes: 5_000_000 });
    const { upload, grant } = await begin();
    const first = await cutAfter(2_000_000, grant);
    const from = first.rest?.from ?? 0;
    expect(from).toBeGreaterThan(0);
    expect(from).toBeLessThanOrEqual(2_000_000);
    const body = part.bytes.subarray(from, from + 1_000_000);
    await send(disk, { grant: restOf(first), body, cut: true }).catch(() => undefined);
    const second = await vi.waitFor(async () => {
      const next = await grant();
      expect(next.rest?.from).toBeGreaterThan(from);
      return next;
    });
    const rest = part.bytes.subarray(second.rest?.from);
    expect(await send(disk, { grant: restOf(second), body: rest })).toMatchObject({ status: 200 });
    await disk.blobs.completeParts(key, refOf(part), upload, [{ number: 1, sha256: part.sha256 }]);
    expect(part.bytes.equals((await disk.blobs.read(key, 5_000_000)) ?? Buffer.alloc(0))).toBe(true);
    expect(await files("incoming")).toEqual([]);
    expect((await put(randomContent(1))).status).toBe(507);
  });

  it("takes a beginning once, and asks for a fresh grant of whoever comes second or tells another length", async () => {
    disk = await openDisk({ folder });
    const { grant } = await begin();
    const granted = await cutAfter(2_000_000, grant);
    const rest = part.bytes.subarray(granted.rest?.from);
    expect((await send(disk, { grant: restOf(granted), body: rest })).status).toBe(200);
    expect((await send(disk, { grant: restOf(granted), body: rest })).status).toBe(403);
    const forged = (url: URL) => url.searchParams.set("from", "1");
    expect((await send(disk, { grant: restOf(granted), body: rest, url: forged })).status).toBe(403);
  });

  it("refuses a rest that does not fit its beginning, keeps none of both, and takes the whole", async () => {
    disk = await openDisk({ folder, maxBytes: 5_000_000 });
    const { grant } = await begin();
    const granted = await cutAfter(2_000_000, grant);
    const wrong = Buffer.alloc(part.size - (granted.rest?.from ?? 0));
    expect((await send(disk, { grant: restOf(granted), body: wrong })).status).toBe(400);
    const next = await grant();
    expect(next.rest).toBeUndefined();
    expect(await files("incoming")).toEqual([]);
    expect((await send(disk, { grant: next, body: part.bytes })).status).toBe(200);
  });

  it("takes the whole of a client that knows nothing of beginnings, and forgets them with the upload", async () => {
    disk = await openDisk({ folder });
    const { upload, grant } = await begin();
    const { rest: _, ...plain } = await cutAfter(2_000_000, grant);
    expect((await send(disk, { grant: plain, body: part.bytes })).status).toBe(200);
    await disk.blobs.completeParts(key, refOf(part), upload, [{ number: 1, sha256: part.sha256 }]);
    expect(await files("incoming")).toEqual([]);
  });

  it("is swept with uploads that nobody goes on with", async () => {
    disk = await openDisk({ folder, maxBytes: 5_000_000 });
    const { grant } = await begin();
    await cutAfter(2_000_000, grant);
    await disk.blobs.sweepUploads(Date.now() - DAY_MS);
    expect(await files("incoming")).toHaveLength(1);
    await disk.blobs.sweepUploads(Date.now() + DAY_MS);
    expect(await files("incoming")).toEqual([]);
    expect((await put(randomContent(5_000_000))).status).toBe(200);
  });
});

const mayMount = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!mayMount)("a full disk (a small tmpfs, which needs root)", () => {
  beforeEach(async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m,nr_inodes=40", "tmpfs", folder]);
    disk = await openDisk({ folder });
  });
  afterEach(() => execFileSync("umount", [folder]));

  it("is answered 507, and nothing is kept of what did not fit", async () => {
    const blob = randomContent(20_000_000);
    expect(await put(blob)).toMatchObject({ status: 507, code: "storage_full" });
    const key = freshKey(blob.sha256);
    await expect(disk.blobs.startParts(key, refOf(blob))).rejects.toMatchObject({ code: "storage_full" });
    // Who promised less than what comes then.
    const { upload } = await disk.blobs.startParts(key, refOf(randomContent(1)));
    expect(await putPart(key, upload, 1, blob)).toBe(507);
    expect(await files(".")).toEqual([]);
    expect((await put(randomContent(2_000_000))).status).toBe(200);
  });

  it("is answered 507 also to a client that sends all before it reads", async () => {
    const blob = randomContent(20_000_000);
    const { url, headers } = await disk.blobs.grantPut(freshKey(blob.sha256), refOf(blob), soon());
    const { hostname, port } = new URL(disk.origin);
    const socket = connect(Number(port), hostname);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const sent = new Promise((resolve) => {
      socket.write(`PUT ${url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${lines.join("")}\r\n`);
      socket.write(blob.bytes, resolve);
    });
    await sent;
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(/^HTTP\/1.1 507 /);
  });

  it("is answered 507 also when it is files that it has no room for", async () => {
    const statuses: number[] = [];
    while (statuses.length < 40 && statuses.at(-1) !== 507) statuses.push((await put(randomContent(1))).status);
    expect(new Set(statuses)).toEqual(new Set([200, 507]));
    expect(await files("incoming")).toEqual([]);
    const parts = disk.blobs.startParts("out/j/0/l/x", refOf(randomContent(1)));
    await expect(parts).rejects.toMatchObject({ code: "storage_full" });
  });
});

describe("the sweep", () => {
  it("removes the inputs of months that have ended, and their unfinished uploads", async () => {
    disk = await openDisk({ folder });
    const blob = randomContent(10);
    const keys = ["202512", "202601", "202602"].map((month) => inputKey("ann", month, blob.sha256));
    for (const key of keys) expect((await put(blob, key)).status).toBe(200);
    await disk.blobs.startParts(inputKey("bob", "202601", blob.sha256), refOf(blob));
    const left = async () => Promise.all(keys.map(async (key) => !!(await disk.blobs.head(key))));
    await disk.blobs.sweepMonths(Date.UTC(2026, 0, 1) - 1);
    expect(await left()).toEqual([true, true, true]);
    await disk.blobs.sweepMonths(Date.UTC(2026, 0, 1));
    expect(await left()).toEqual([false, true, true]);
    await disk.blobs.sweepMonths(Date.UTC(2026, 2, 1) - 1);
    expect(await left()).toEqual([false, false, true]);
  });

  it("removes uploads that got nothing for a day, and only those", async () => {
    disk = await openDisk({ folder });
    const [old, young] = [randomContent(10), randomContent(10)];
    const now = Date.now();
    for (const blob of [old, young]) {
      const key = inputKey("ann", monthsAt(now)[0], blob.sha256);
      const { upload } = await disk.blobs.startParts(key, refOf(blob));
      expect(await putPart(key, upload, 1, blob)).toBe(200);
      const at = new Date(now - (blob === old ? 2 : 0.5) * DAY_MS);
      await utimes(join(folder, "uploads", key, upload), at, at);
    }
    await disk.blobs.sweepUploads(now - DAY_MS);
    const held = async ({ sha256, size }: Content) =>
      (await disk.blobs.startParts(inputKey("ann", monthsAt(now)[0], sha256), { sha256, size })).held;
    expect(await held(old)).toEqual([]);
    expect(await held(young)).toEqual([1]);
  });

  it("removes with a prefix the uploads below it", async () => {
    disk = await openDisk({ folder });
    const blob = randomContent(10);
    const { upload } = await disk.blobs.startParts("out/j/0/l/x", refOf(blob));
    expect(await putPart("out/j/0/l/x", upload, 1, blob)).toBe(200);
    await disk.blobs.folder.removePrefix("out/j/");
    expect(await files("uploads")).toEqual([]);
  });
});
