import { expect } from "vitest";
import {
  type Check,
  type Content,
  content,
  each,
  freshKey,
  randomContent,
  refOf,
  type Subject,
  send,
  soon,
} from "./subject.ts";

const MISSING = 12_345;

type Sent = { number: number; sha256: string };

export function checkParts(check: Check, subject: () => Subject): void {
  const make = () => {
    const { partSize } = subject();
    const pieces = [randomContent(partSize), randomContent(partSize), randomContent(MISSING)] as const;
    const whole = content(Buffer.concat(pieces.map((piece) => piece.bytes)));
    return { pieces, whole, key: freshKey(whole.sha256) };
  };
  const sendPart = async (key: string, upload: string, number: number, piece: Content): Promise<Sent> => {
    const grant = await subject().blobs.grantPart(key, { upload, number, ...refOf(piece) }, soon());
    const reply = await send(subject(), { grant, body: piece.bytes });
    expect(reply.status).toBe(200);
    expect(reply.headers.etag).toBeTruthy();
    return { number, sha256: piece.sha256 };
  };
  const get = async (key: string, headers: Record<string, string> = {}) =>
    send(subject(), { grant: await subject().blobs.grantGet(key, soon()), headers });

  check("parts sent in any order, over several sittings, become one blob", async () => {
    const { pieces, whole, key } = make();
    const { blobs } = subject();
    const begun = await blobs.startParts(key, refOf(whole));
    expect(begun.held).toEqual([]);
    const third = await sendPart(key, begun.upload, 3, pieces[2]);
    const first = await sendPart(key, begun.upload, 1, pieces[0]);
    expect(await blobs.head(key)).toBeUndefined();

    const again = await blobs.startParts(key, refOf(whole));
    expect(again).toEqual({ ...begun, held: [1, 3] });
    const second = await sendPart(key, again.upload, 2, pieces[1]);
    await blobs.completeParts(key, refOf(whole), again.upload, [first, second, third]);

    expect(await blobs.head(key)).toEqual({ size: whole.size });
    expect((await get(key)).body.equals(whole.bytes)).toBe(true);
    const [start, end] = [subject().partSize - 10, 2 * subject().partSize + 10];
    const got = await get(key, { range: `bytes=${start}-${end - 1}` });
    expect(got.status).toBe(206);
    expect(got.body.equals(whole.bytes.subarray(start, end))).toBe(true);
  });

  check("completing again is nothing, also at the same time", async () => {
    const blob = randomContent(1000);
    const key = freshKey(blob.sha256);
    const { blobs } = subject();
    const { upload } = await blobs.startParts(key, refOf(blob));
    const parts = [await sendPart(key, upload, 1, blob)];
    const complete = () => blobs.completeParts(key, refOf(blob), upload, parts);
    await Promise.all([complete(), complete()]);
    await complete();
    expect((await get(key)).body.equals(blob.bytes)).toBe(true);
  });

  check("a part sent again, changed, replaces the earlier one when it is named", async () => {
    const [old, blob] = [randomContent(1000), randomContent(1000)];
    const key = freshKey(blob.sha256);
    const { blobs } = subject();
    const { upload } = await blobs.startParts(key, refOf(blob));
    await sendPart(key, upload, 1, old);
    await sendPart(key, upload, 1, blob);
    const parts = [await sendPart(key, upload, 1, blob)];
    await blobs.completeParts(key, refOf(blob), upload, parts);
    expect((await get(key)).body.equals(blob.bytes)).toBe(true);
  });

  check("parts that do not make up the blob are refused, and what is held stays", async () => {
    const { pieces, whole, key } = make();
    const { blobs } = subject();
    const { upload } = await blobs.startParts(key, refOf(whole));
    const first = await sendPart(key, upload, 1, pieces[0]);
    const second = await sendPart(key, upload, 2, pieces[1]);
    const missing = { number: 3, sha256: pieces[2].sha256 };
    const changed = { ...second, sha256: first.sha256 };
    for (const parts of [[first, second], [second, first], [first, changed], [first, second, missing], [second]]) {
      const completing = blobs.completeParts(key, refOf(whole), upload, parts);
      await expect(completing).rejects.toMatchObject({ code: "wrong_content" });
    }
    expect(await blobs.head(key)).toBeUndefined();
    expect(await blobs.startParts(key, refOf(whole))).toMatchObject({ upload, held: [1, 2] });
  });

  check("parts come too late when the blob is there already", async () => {
    const blob = randomContent(1000);
    const key = freshKey(blob.sha256);
    const { blobs } = subject();
    const { upload } = await blobs.startParts(key, refOf(blob));
    const parts = [await sendPart(key, upload, 1, blob)];
    const grant = await blobs.grantPut(key, refOf(blob), soon());
    expect((await send(subject(), { grant, body: blob.bytes })).status).toBe(200);
    await blobs.completeParts(key, refOf(blob), upload, parts);
    expect(await blobs.head(key)).toMatchObject({ size: 1000 });
  });

  check("an ended upload takes no part and is not completed again after a removal", async () => {
    const blob = randomContent(1000);
    const key = freshKey(blob.sha256);
    const { blobs } = subject();
    const { upload } = await blobs.startParts(key, refOf(blob));
    const late = await blobs.grantPart(key, { upload, number: 1, ...refOf(blob) }, soon());
    const parts = [await sendPart(key, upload, 1, blob)];
    await blobs.completeParts(key, refOf(blob), upload, parts);
    expect([403, 404]).toContain((await send(subject(), { grant: late, body: blob.bytes })).status);
    await blobs.remove(key.slice(0, key.lastIndexOf("/")), each([key]));
    const completing = blobs.completeParts(key, refOf(blob), upload, parts);
    await expect(completing).rejects.toMatchObject({ code: "grant_refused" });
  });
}
