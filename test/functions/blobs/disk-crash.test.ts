import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OneGrant } from "../../../contract/grant.ts";
import { PART_BYTES } from "../../../contract/limits.ts";
import { createDiskBlobs } from "../../../functions/blobs/disk.ts";
import { createGrantSigner } from "../../../functions/blobs/disk-grant.ts";
import { startBlobProcess } from "./disk-process.ts";
import { openDisk } from "./disk-subject.ts";
import { freshKey, randomContent, refOf, send, soon } from "./subject.ts";

const secret = randomBytes(32);
const signer = createGrantSigner({ secret, clock: Date.now });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rendt-blobs-"));
});
afterEach(() => rm(folder, { recursive: true }));

const incoming = () => readdir(join(folder, "incoming"));

/** Waits for something that another process does, without guessing how long it takes. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a server killed with SIGKILL", () => {
  it("leaves nothing of a PUT that it was receiving, and the grant is good at the next one", async () => {
    const blob = randomContent(8_000_000);
    const key = freshKey(blob.sha256);
    const server = await startBlobProcess(folder, secret);
    try {
      const grant = signer.sign({ method: "PUT", key, ...refOf(blob) }, soon());
      const url = new URL(grant.url, server.origin);
      const call = request(url, { method: "PUT", headers: grant.headers, agent: false });
      const broken = new Promise((resolve) => call.on("error", resolve));
      call.write(blob.bytes.subarray(0, 7_999_999));
      const written = async () => {
        const [name] = await incoming();
        return !!name && (await stat(join(folder, "incoming", name))).size > 1_000_000;
      };
      await until(written);
      await server.kill();
      await broken;
      expect(await incoming()).toHaveLength(1);

      const next = await openDisk({ folder, secret });
      try {
        expect(await incoming()).toEqual([]);
        expect(await next.blobs.head(key)).toBeUndefined();
        expect(await send(next, { grant, body: blob.bytes })).toMatchObject({ status: 200 });
      } finally {
        await next.close();
      }
    } finally {
      await server.kill();
    }
  });

  it("has kept every blob that it acknowledged, whole, and none in part", async () => {
    const blobs = Array.from({ length: 200 }, () => randomContent(100_000));
    const place = freshKey("0").replace(/\/0$/, "");
    const server = await startBlobProcess(folder, secret);
    const acknowledged = new Set<string>();
    try {
      const left = [...blobs];
      const sendOn = async () => {
        for (let blob = left.pop(); blob; blob = left.pop()) {
          const grant = signer.sign({ method: "PUT", key: `${place}/${blob.sha256}`, ...refOf(blob) }, soon());
          const { status } = await send(server, { grant, body: blob.bytes });
          expect(status).toBe(200);
          acknowledged.add(blob.sha256);
          if (acknowledged.size === 10) await server.kill();
        }
      };
      const ends = await Promise.allSettled(Array.from({ length: 32 }, sendOn));
      expect(ends.filter((end) => end.status === "rejected").length).toBeGreaterThan(0);
    } finally {
      await server.kill();
    }
    const next = await createDiskBlobs({ folder, secret, clock: Date.now });
    for (const blob of blobs) {
      const read = await next.read(`${place}/${blob.sha256}`, blob.size);
      if (read) expect(createHash("sha256").update(read).digest("hex")).toBe(blob.sha256);
      else expect(acknowledged.has(blob.sha256)).toBe(false);
    }
  });
});

it("an upload in parts goes on after a restart: the parts are held, the grants are good", async () => {
  const pieces = [randomContent(PART_BYTES), randomContent(PART_BYTES), randomContent(5)];
  const whole = {
    size: 2 * PART_BYTES + 5,
    sha256: createHash("sha256")
      .update(Buffer.concat(pieces.map((p) => p.bytes)))
      .digest("hex"),
  };
  const key = freshKey(whole.sha256);
  const first = await openDisk({ folder, secret });
  const { upload } = await first.blobs.startParts(key, whole);
  const grants: OneGrant[] = [];
  for (const [index, piece] of pieces.entries()) {
    grants.push(await first.blobs.grantPart(key, { upload, number: index + 1, ...refOf(piece) }, soon()));
  }
  const sendPart = (subject: typeof first, index: number) => {
    const [grant, piece] = [grants[index], pieces[index]];
    if (!grant || !piece) throw new Error(`no part ${index}`);
    return send(subject, { grant, body: piece.bytes });
  };
  expect(await sendPart(first, 1)).toMatchObject({ status: 200 });
  await first.close();

  const second = await openDisk({ folder, secret });
  try {
    expect(await second.blobs.startParts(key, whole)).toMatchObject({ upload, held: [2] });
    expect(await sendPart(second, 0)).toMatchObject({ status: 200 });
    expect(await sendPart(second, 2)).toMatchObject({ status: 200 });
    const parts = pieces.map(({ sha256 }, index) => ({ number: index + 1, sha256 }));
    await second.blobs.completeParts(key, whole, upload, parts);
    const got = await send(second, { grant: await second.blobs.grantGet(key, soon()) });
    expect(createHash("sha256").update(got.body).digest("hex")).toBe(whole.sha256);
    expect(await readdir(join(folder, "uploads"), { recursive: true })).not.toContain(upload);
  } finally {
    await second.close();
  }
});

it("a quarter of a gigabyte goes in and out with flat memory", async () => {
  const PIECES = 256;
  const piece = Buffer.alloc(1024 * 1024);
  const stream = () =>
    Readable.from(
      (function* () {
        for (let n = 0; n < PIECES; n++) yield piece;
      })(),
    );
  const hash = createHash("sha256");
  await pipeline(stream(), hash);
  const blob = { size: PIECES * piece.length, sha256: hash.digest("hex") };
  const key = freshKey(blob.sha256);
  const server = await startBlobProcess(folder, secret);
  try {
    const before = await server.peakBytes();
    const put = signer.sign({ method: "PUT", key, ...blob }, soon());
    const options = { method: "PUT", headers: put.headers, agent: false } as const;
    const status = await new Promise((resolve, reject) => {
      const call = request(new URL(put.url, server.origin), options, (reply) => resolve(reply.resume().statusCode));
      pipeline(stream(), call).catch(reject);
    });
    expect(status).toBe(200);
    const get = signer.sign({ method: "GET", key }, soon());
    const received = createHash("sha256");
    await new Promise<void>((resolve, reject) => {
      request(new URL(get.url, server.origin), { agent: false }, (reply) => {
        pipeline(reply, received).then(resolve, reject);
      }).end();
    });
    expect(received.digest("hex")).toBe(blob.sha256);
    // Garbage of 64 KiB reads until V8 collects it; the bytes themselves would be more than twice that.
    expect((await server.peakBytes()) - before).toBeLessThan(100 * 1024 * 1024);
  } finally {
    await server.kill();
  }
});
