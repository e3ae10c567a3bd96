import { expect } from "vitest";
import type { OneGrant } from "../../../contract/grant.ts";
import {
  type Attempt,
  base64,
  type Check,
  type Content,
  freshKey,
  randomContent,
  refOf,
  type Subject,
  send,
  soon,
} from "./subject.ts";

const HOUR_MS = 3_600_000;
const other = randomContent(100);
const reversed = (text: string) => [...text].reverse().join("");
const withLetter = (hex: string) => (hex.endsWith("0") ? `${hex.slice(0, -1)}1` : `${hex.slice(0, -1)}0`);

type Case = {
  attempt: (granted: { grant: OneGrant; blob: Content; subject: Subject }) => Partial<Attempt>;
  status?: number[];
  /** Who signs and when, if not the store now. */
  stranger?: true;
  clockMs?: number;
};

/** What a thief, a broken client or a lying worker may try with a grant. Each one is refused and stores nothing. */
const ANY_GRANT: Record<string, Case> = {
  "a tampered signature": {
    attempt: ({ subject }) => ({ url: ({ searchParams }) => edit(searchParams, subject.names.signature, withLetter) }),
  },
  "a signature by another secret": { stranger: true, attempt: () => ({}) },
  "another key": { attempt: () => ({ url: (url) => movePath(url, swapLast) }) },
  "a key below it": { attempt: () => ({ url: (url) => movePath(url, (path) => `${path}/more`) }) },
  "a longer life": {
    attempt: ({ subject }) => ({
      url: ({ searchParams }) => edit(searchParams, subject.names.expires, (value) => `${value}0`),
    }),
  },
  "an expired grant": { clockMs: -HOUR_MS, attempt: () => ({}) },
  "a grant dated an hour ahead": { clockMs: HOUR_MS, attempt: () => ({}) },
  "no grant at all": { attempt: () => ({ url: dropQuery }) },
  "an unknown query parameter": { attempt: () => ({ url: ({ searchParams }) => searchParams.append("more", "1") }) },
  "a query parameter given twice": {
    attempt: ({ subject }) => ({ url: ({ searchParams }) => searchParams.append(subject.names.expires, "600") }),
  },
  "an unsigned x-amz-meta header": { attempt: () => ({ headers: { "x-amz-meta-more": "1" } }) },
  "an unsigned x-amz-acl header": { attempt: () => ({ headers: { "x-amz-acl": "public-read" } }), status: [400, 403] },
  "DELETE with it": { attempt: () => ({ method: "DELETE" }) },
  "POST with it": { attempt: () => ({ method: "POST" }), status: [400, 403, 405] },
  "HEAD with it": { attempt: () => ({ method: "HEAD" }) },
};

const PUT_GRANT: Record<string, Case> = {
  "GET with it": { attempt: () => ({ method: "GET" }) },
  "a longer body": {
    attempt: ({ blob }) => ({
      body: Buffer.concat([blob.bytes, Buffer.from("x")]),
      headers: { "content-length": "101" },
    }),
  },
  "a shorter body": { attempt: ({ blob }) => ({ body: blob.bytes.subarray(1), headers: { "content-length": "99" } }) },
  "a body without a length": { attempt: () => ({ chunked: true }), status: [400, 403, 411] },
  "another body of the same length": { attempt: () => ({ body: other.bytes }), status: [400] },
  "another body with its own hash": {
    attempt: () => ({ body: other.bytes, headers: { "x-amz-checksum-sha256": base64(other.sha256) } }),
  },
  "a PUT without the hash": { attempt: () => ({ headers: { "x-amz-checksum-sha256": undefined } }) },
};

const WHOLE_GRANT: Record<string, Case> = {
  "a PUT without if-none-match": { attempt: () => ({ headers: { "if-none-match": undefined } }) },
  "a PUT with another if-none-match": { attempt: () => ({ headers: { "if-none-match": '"x"' } }) },
};

const PART_GRANT: Record<string, Case> = {
  "another part number": {
    attempt: ({ subject }) => ({ url: ({ searchParams }) => searchParams.set(subject.names.part, "2") }),
  },
  "another upload": {
    attempt: ({ subject }) => ({ url: ({ searchParams }) => edit(searchParams, subject.names.upload, reversed) }),
  },
  "a part sent as the whole object": {
    attempt: ({ subject }) => ({
      url: ({ searchParams }) => {
        searchParams.delete(subject.names.upload);
        searchParams.delete(subject.names.part);
      },
    }),
  },
};

export function checkRefusals(check: Check, subject: () => Subject): void {
  for (const [what, row] of Object.entries({ ...ANY_GRANT, ...PUT_GRANT, ...WHOLE_GRANT })) {
    check(`a PUT grant refuses ${what}`, async () => {
      const blob = randomContent(100);
      const key = freshKey(blob.sha256);
      const grant = await granted(subject(), row, (blobs, until) => blobs.grantPut(key, refOf(blob), until));
      await refuses(subject(), row, blob, grant);
      expect(await subject().blobs.head(key)).toBeUndefined();
    });
  }

  for (const [what, row] of Object.entries({ ...ANY_GRANT, ...PUT_GRANT, ...PART_GRANT })) {
    check(`a part grant refuses ${what}`, async () => {
      const blob = randomContent(100);
      const key = freshKey(blob.sha256);
      const { upload } = await subject().blobs.startParts(key, refOf(blob));
      const part = { upload, number: 1, ...refOf(blob) };
      const grant = await granted(subject(), row, (blobs, until) => blobs.grantPart(key, part, until));
      await refuses(subject(), row, blob, grant);
      expect(await subject().blobs.startParts(key, refOf(blob))).toMatchObject({ upload, held: [] });
      expect(await subject().blobs.head(key)).toBeUndefined();
    });
  }

  for (const [what, row] of Object.entries(ANY_GRANT)) {
    check(`a GET grant refuses ${what}`, async () => {
      const blob = randomContent(100);
      const key = freshKey(blob.sha256);
      const put = await subject().blobs.grantPut(key, refOf(blob), soon());
      expect(await send(subject(), { grant: put, body: blob.bytes })).toMatchObject({ status: 200 });
      const grant = await granted(subject(), row, (blobs, until) => blobs.grantGet(key, until));
      const { body } = await refuses(subject(), row, undefined, grant);
      expect(body.includes(blob.bytes)).toBe(false);
      expect(await subject().blobs.head(key)).toMatchObject({ size: 100 });
    });
  }

  check("a GET grant refuses PUT with it", async () => {
    const blob = randomContent(100);
    const key = freshKey(blob.sha256);
    const grant = await subject().blobs.grantGet(key, soon());
    const headers = { "content-length": "100", "x-amz-checksum-sha256": base64(blob.sha256), "if-none-match": "*" };
    expect(await send(subject(), { grant, method: "PUT", headers, body: blob.bytes })).toMatchObject({ status: 403 });
    expect(await subject().blobs.head(key)).toBeUndefined();
  });
}

type Make = (blobs: Subject["blobs"], expiresAt: number) => Promise<OneGrant>;

async function granted(subject: Subject, { clockMs = 0, stranger }: Case, make: Make): Promise<OneGrant> {
  subject.clock.offsetMs = clockMs;
  try {
    return await make(stranger ? subject.stranger : subject.blobs, soon() + clockMs);
  } finally {
    subject.clock.offsetMs = 0;
  }
}

async function refuses(subject: Subject, row: Case, blob: Content | undefined, grant: OneGrant) {
  const attempt = { grant, body: blob?.bytes, ...row.attempt({ grant, blob: blob ?? other, subject }) };
  const reply = await send(subject, attempt);
  expect(row.status ?? [403]).toContain(reply.status);
  return reply;
}

function edit(query: URLSearchParams, name: string, change: (value: string) => string): void {
  const value = query.get(name);
  if (!value) throw new Error(`the grant's URL has no ${name}`);
  query.set(name, change(value));
}

function dropQuery(url: URL): void {
  url.search = "";
}

function movePath(url: URL, change: (path: string) => string): void {
  url.pathname = change(url.pathname);
}

/** The same place, but named by another hash. */
const swapLast = (path: string) => path.replace(/[^/]+$/, (last) => reversed(last));
