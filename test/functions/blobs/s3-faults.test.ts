import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { S3_LEAST_PART_BYTES } from "../../../contract/limits.ts";
import type { Blobs } from "../../../functions/blobs/port.ts";
import { createS3Blobs } from "../../../functions/blobs/s3.ts";

const KEY = `out/j1/0/lease/${"ab".repeat(32)}`;
const BLOB = { size: 5, sha256: "cd".repeat(32) };
const HASH = Buffer.from(BLOB.sha256, "hex").toString("base64");

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let server: Server;
let blobs: Blobs;
/** What the next requests meet, in turn; each test uses up all of its own. */
let answers: Answer[];
let asked: string[];
beforeEach(async () => {
  answers = [];
  asked = [];
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    const answer = answers.shift() ?? status(418);
    answer(response, request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  blobs = createS3Blobs({
    bucket: "b",
    region: "us-east-1",
    endpoint: `http://127.0.0.1:${address.port}`,
    credentials: async () => ({ accessKeyId: "key", secretAccessKey: "secret" }),
    clock: Date.now,
  });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  expect(answers).toEqual([]);
});

const status =
  (code: number, body = "", headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(code, headers).end(body);
  };
const error = (code: number, name: string) => status(code, `<Error><Code>${name}</Code></Error>`);
const found = status(200, "", { "content-length": "5", "x-amz-checksum-sha256": HASH });
const cut: Answer = (response) => response.destroy();

describe("an S3 that is busy or away", () => {
  const passing: [string, Answer][] = [
    ["slows us down", error(503, "SlowDown")],
    ["fails", error(500, "InternalError")],
    ["throttles", error(429, "TooManyRequests")],
    ["hangs up", cut],
  ];
  it.each(passing)("is asked again when it %s", async (_, answer) => {
    answers = [answer, answer, found];
    expect(await blobs.head(KEY)).toEqual(BLOB);
    expect(asked).toHaveLength(3);
  });

  it.each(passing)("is unavailable, with a time to come back, when that does not end: it %s", async (_, answer) => {
    answers = [answer, answer, answer, answer];
    await expect(blobs.head(KEY)).rejects.toMatchObject({ code: "unavailable", retryAfterMs: expect.any(Number) });
  });

  it("is never taken for one that has no such object", async () => {
    answers = Array.from({ length: 4 }, () => status(503));
    await expect(blobs.head(KEY)).rejects.toMatchObject({ code: "unavailable" });
    answers = [status(403)];
    expect(await blobs.head(KEY)).toBeUndefined();
    answers = [status(404)];
    expect(await blobs.head(KEY)).toBeUndefined();
  });

  it("is not asked again for what it refuses for good", async () => {
    answers = [error(400, "InvalidRequest")];
    await expect(blobs.head(KEY)).rejects.toMatchObject({ status: 400 });
    expect(asked).toHaveLength(1);
  });
});

describe("an upload that S3 fails to complete", () => {
  const parts = [{ number: 1, sha256: BLOB.sha256 }];
  const held = status(
    200,
    `<ListPartsResult><Part><PartNumber>1</PartNumber><Size>5</Size><ETag>&quot;e&quot;</ETag><ChecksumSHA256>${HASH}</ChecksumSHA256></Part><IsTruncated>false</IsTruncated></ListPartsResult>`,
  );
  const complete = () => blobs.completeParts(KEY, BLOB, "u", parts);

  it("after it had answered 200 is completed by the next try", async () => {
    answers = [held, status(200, '<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>'), status(200)];
    await complete();
    expect(asked.at(-1)).toBe(`POST /b/${KEY}?uploadId=u`);
  });

  it("counts as complete when the answer was lost and the object is there", async () => {
    answers = [held, cut, error(404, "NoSuchUpload"), found];
    await complete();
  });

  it("is told as failed when the object is not there", async () => {
    answers = [held, error(400, "InvalidPart"), status(404)];
    await expect(complete()).rejects.toMatchObject({ status: 400, code: "InvalidPart" });
  });
});

it("lists that come in pages are read to their end", async () => {
  const part = (number: number, size: number) =>
    `<Part><PartNumber>${number}</PartNumber><Size>${size}</Size><ETag>e</ETag><ChecksumSHA256>${HASH}</ChecksumSHA256></Part>`;
  const upload = `<Upload><Key>${KEY}</Key><UploadId>u</UploadId><Initiated>2026-01-01T00:00:00Z</Initiated></Upload>`;
  answers = [
    status(200, `<R>${upload}</R>`),
    status(
      200,
      `<R>${part(1, S3_LEAST_PART_BYTES)}<NextPartNumberMarker>1</NextPartNumberMarker><IsTruncated>true</IsTruncated></R>`,
    ),
    status(200, `<R>${part(3, 5)}<IsTruncated>false</IsTruncated></R>`),
  ];
  const large = { ...BLOB, size: 2 * S3_LEAST_PART_BYTES + 5 };
  expect(await blobs.startParts(KEY, large)).toMatchObject({ upload: "u", held: [1, 3] });
  expect(asked.at(-1)).toContain("part-number-marker=1");
});

it("of two uploads of one key the older one is gone on with, and longer keys are others", async () => {
  const upload = (key: string, id: string, day: string) =>
    `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>2026-01-${day}T00:00:00Z</Initiated></Upload>`;
  const list = [upload(`${KEY}0`, "other", "01"), upload(KEY, "late", "03"), upload(KEY, "early", "02")].join("");
  answers = [status(200, `<R>${list}</R>`), status(200, "<R><IsTruncated>false</IsTruncated></R>")];
  expect(await blobs.startParts(KEY, BLOB)).toMatchObject({ upload: "early", held: [] });
});
