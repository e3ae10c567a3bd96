import { createHash, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { request as plain } from "node:http";
import { request as secure } from "node:https";
import { buffer } from "node:stream/consumers";
import { it } from "vitest";
import type { OneGrant } from "../../../contract/grant.ts";
import type { BlobRef } from "../../../contract/manifest.ts";
import type { Blobs } from "../../../functions/blobs/port.ts";

/** A blob store behind a real HTTP server, as the contract sees it. */
export type Subject = {
  blobs: Blobs;
  /** Where relative grants point to. */
  origin: string;
  /** Makes grants as a server whose clock is wrong by so much would; back to 0 after each test. */
  clock: { offsetMs: number };
  /** The same store, but its grants are signed with another secret. */
  stranger: Blobs;
  /** How large it wants the parts of a blob that has few. */
  partSize: number;
  /** Whether `head` knows the SHA-256 of what was sent whole. */
  tellsHash: boolean;
  /** How this store's URLs name what a grant says. */
  names: { expires: string; signature: string; upload: string; part: string };
  close(): Promise<void>;
};

/** `check` is `it`, but a known gap has to fail: one that closes is reported too. */
export type Check = (title: string, test: () => Promise<void>) => void;

export function createCheck(gaps: readonly string[]): { check: Check; unknownGaps: () => string[] } {
  const titles = new Set<string>();
  return {
    check(title, test) {
      titles.add(title);
      (gaps.includes(title) ? it.fails : it)(title, test);
    },
    unknownGaps: () => gaps.filter((gap) => !titles.has(gap)),
  };
}

export type Content = BlobRef & { bytes: Buffer };

export function content(bytes: Buffer): Content {
  return { bytes, size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
export const randomContent = (size: number): Content => content(randomBytes(size));
export const refOf = ({ size, sha256 }: Content): BlobRef => ({ size, sha256 });
/** A place that no other test uses. */
export const freshKey = (sha256: string): string => `out/j${randomBytes(6).toString("hex")}/0/lease/${sha256}`;
export const base64 = (sha256: string): string => Buffer.from(sha256, "hex").toString("base64");
/** Keys as a removal reads them. */
export async function* each(keys: readonly string[]): AsyncGenerator<string> {
  yield* keys;
}
export const soon = (): number => Date.now() + 10 * 60_000;

export type Reply = { status: number; headers: IncomingHttpHeaders; body: Buffer };
export type Attempt = {
  grant: OneGrant;
  body?: Buffer;
  method?: string;
  /** Merged over the grant's own; `undefined` leaves one out. */
  headers?: Record<string, string | undefined>;
  url?: (url: URL) => void;
  /** Sends the body in two chunks without a length, however the headers are. */
  chunked?: boolean;
  /** Closes the connection after the body, which is shorter than was said. */
  cut?: boolean;
};

/** One request just as a client with this grant, or a thief of it, would make it. */
export async function send({ origin }: Pick<Subject, "origin">, attempt: Attempt): Promise<Reply> {
  const url = new URL(attempt.grant.url, origin);
  attempt.url?.(url);
  const all = { ...attempt.grant.headers, ...attempt.headers };
  const headers = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]));
  if (attempt.chunked) {
    delete headers["content-length"];
    headers["transfer-encoding"] = "chunked";
  }
  const options = { method: attempt.method ?? attempt.grant.method, headers, agent: false as const };
  return new Promise((resolve, reject) => {
    const call = (url.protocol === "https:" ? secure : plain)(url, options, (response) => {
      buffer(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
    call.on("error", reject);
    if (attempt.cut) call.write(attempt.body, () => call.destroy());
    else call.end(attempt.body);
  });
}
