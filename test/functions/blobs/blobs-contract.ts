import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkParts } from "./parts.ts";
import { checkRefusals } from "./refusals.ts";
import { content, createCheck, each, freshKey, randomContent, refOf, type Subject, send, soon } from "./subject.ts";

/** What every blob store does; `gaps` are titles that this server is known to fail. A gap that opens or closes fails. */
export function describeBlobs(name: string, options: { open: () => Promise<Subject>; gaps?: readonly string[] }): void {
  describe(`blobs: ${name}`, () => {
    const { check, unknownGaps } = createCheck(options.gaps ?? []);
    let opened: Subject | undefined;
    const subject = (): Subject => {
      if (!opened) throw new Error("the store is not open");
      return opened;
    };
    beforeAll(async () => {
      opened = await options.open();
    });
    afterAll(async () => {
      await opened?.close();
    });

    const put = async (blob: ReturnType<typeof content>, key = freshKey(blob.sha256)) => {
      const grant = await subject().blobs.grantPut(key, refOf(blob), soon());
      return { key, reply: await send(subject(), { grant, body: blob.bytes }) };
    };
    const get = async (key: string, headers: Record<string, string> = {}) =>
      send(subject(), { grant: await subject().blobs.grantGet(key, soon()), headers });

    check("what is put can be got, as a download and never as a page", async () => {
      const blob = randomContent(300_000);
      const { key, reply } = await put(blob);
      expect(reply.status).toBe(200);
      const got = await get(key);
      expect(got.status).toBe(200);
      expect(got.body.equals(blob.bytes)).toBe(true);
      expect(got.headers).toMatchObject({
        "content-length": "300000",
        "content-disposition": "attachment",
        "content-type": "application/octet-stream",
      });
      expect(got.headers.etag).toBeTruthy();
    });

    check("an empty blob is a blob", async () => {
      const { key, reply } = await put(content(Buffer.alloc(0)));
      expect(reply.status).toBe(200);
      expect(await subject().blobs.head(key)).toMatchObject({ size: 0 });
      expect(await get(key)).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    });

    check("head tells the size, and the hash if the store knows it", async () => {
      const blob = randomContent(1000);
      const { key } = await put(blob);
      const { blobs, tellsHash } = subject();
      expect(await blobs.head(key)).toEqual(tellsHash ? refOf(blob) : { size: 1000 });
    });

    check("a missing blob is missing", async () => {
      const key = freshKey(randomContent(1).sha256);
      expect(await subject().blobs.head(key)).toBeUndefined();
      expect(await subject().blobs.read(key, 10)).toBeUndefined();
      expect([403, 404]).toContain((await get(key)).status);
    });

    check("grants say what they are good for", async () => {
      const blob = randomContent(10);
      const key = freshKey(blob.sha256);
      const expiresAt = soon();
      expect(await subject().blobs.grantPut(key, refOf(blob), expiresAt)).toMatchObject({
        kind: "one",
        method: "PUT",
        expiresAt,
        headers: {
          "content-length": "10",
          "x-amz-checksum-sha256": Buffer.from(blob.sha256, "hex").toString("base64"),
          "if-none-match": "*",
        },
      });
      expect(await subject().blobs.grantGet(key, expiresAt)).toMatchObject({ kind: "one", method: "GET", headers: {} });
    });

    const ranges: [string, number, number][] = [
      ["bytes=0-0", 0, 1],
      ["bytes=100-199", 100, 200],
      ["bytes=900-", 900, 1000],
      ["bytes=900-5000", 900, 1000],
      ["bytes=-10", 990, 1000],
    ];
    check("a part of a blob can be got", async () => {
      const blob = randomContent(1000);
      const { key } = await put(blob);
      for (const [range, start, end] of ranges) {
        const got = await get(key, { range });
        expect(got).toMatchObject({ status: 206, body: blob.bytes.subarray(start, end) });
        expect(got.headers["content-range"]).toBe(`bytes ${start}-${end - 1}/1000`);
      }
      expect(await get(key, { range: "bytes=1000-" })).toMatchObject({ status: 416 });
    });

    check("a second PUT is answered 412 and changes nothing", async () => {
      const [first, second] = [randomContent(50), randomContent(50)];
      const { key } = await put(first);
      expect((await put(first, key)).reply.status).toBe(412);
      expect((await put(second, key)).reply.status).toBe(412);
      expect((await get(key)).body.equals(first.bytes)).toBe(true);
    });

    check("of 16 PUTs at the same time exactly one is accepted", async () => {
      const key = freshKey(randomContent(1).sha256);
      const blobs = Array.from({ length: 16 }, () => randomContent(200_000));
      const replies = await Promise.all(blobs.map((blob) => put(blob, key)));
      const statuses = replies.map(({ reply }) => reply.status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(statuses.filter((status) => status === 412)).toHaveLength(15);
      expect((await get(key)).body.equals(blobs[statuses.indexOf(200)]?.bytes ?? Buffer.alloc(0))).toBe(true);
    });

    check("a connection cut before the last byte leaves nothing, and the grant is still good", async () => {
      const blob = randomContent(300_000);
      const key = freshKey(blob.sha256);
      const grant = await subject().blobs.grantPut(key, refOf(blob), soon());
      for (const sent of [1, 150_000, 299_999]) {
        await expect(send(subject(), { grant, body: blob.bytes.subarray(0, sent), cut: true })).rejects.toThrow();
        expect(await subject().blobs.head(key)).toBeUndefined();
      }
      expect((await send(subject(), { grant, body: blob.bytes })).status).toBe(200);
    });

    check("small blobs can be read by the server itself, large ones it refuses", async () => {
      const blob = randomContent(1000);
      const { key } = await put(blob);
      const read = await subject().blobs.read(key, 1000);
      expect(read && Buffer.from(read).equals(blob.bytes)).toBe(true);
      await expect(subject().blobs.read(key, 999)).rejects.toMatchObject({ code: "body_too_large" });
    });

    check("a removal takes what lies below a prefix and nothing beside it, as often as it is asked for", async () => {
      const blob = randomContent(10);
      const { key } = await put(blob);
      const prefix = key.slice(0, key.indexOf("/", 4));
      const [second, beside] = [key.replace(/[^/]+$/, "second"), key.replace(prefix, `${prefix}0`)];
      for (const other of [second, beside]) await put(blob, other);
      const remove = () => subject().blobs.remove(`${prefix}/`, each([key, second, `${prefix}/never/there`]));
      await remove();
      for (const gone of [key, second]) expect(await subject().blobs.head(gone)).toBeUndefined();
      expect(await subject().blobs.head(beside)).toMatchObject({ size: 10 });
      await remove();
      expect((await put(blob, key)).reply.status).toBe(200);
    });

    check("a removal of more than a thousand objects takes all of them", async () => {
      const blob = randomContent(1);
      const { key } = await put(blob);
      const prefix = key.slice(0, key.indexOf("/", 4));
      const absent = Array.from({ length: 2500 }, (_, at) => `${prefix}/absent/${at}`);
      await subject().blobs.remove(prefix, each([...absent, key]));
      expect(await subject().blobs.head(key)).toBeUndefined();
    });

    checkParts(check, subject);
    checkRefusals(check, subject);

    it("every known gap is a check above", () => {
      expect(unknownGaps()).toEqual([]);
    });
  });
}
