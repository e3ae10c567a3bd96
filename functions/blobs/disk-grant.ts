import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { RendtError } from "../../contract/errors.ts";
import type { OneGrant } from "../../contract/grant.ts";
import { assertKey, isKey } from "./keys.ts";

/** Where the embedded server serves blobs; grants carry it, so that they are relative to the server's own URL. */
export const BLOB_PATH = "/blobs/";
/** As S3: a grant dated this far ahead of the verifier's clock is refused. */
const MAX_AHEAD_MS = 15 * 60_000;

/** What a grant allows. A PUT with `part` writes one part of an upload; without, a whole object, once. */
export type Terms =
  | { method: "GET"; key: string }
  | { method: "PUT"; key: string; size: number; sha256: string; part?: PartTerms };
/** `from`: the store has the bytes before it, the request brings those from there on; `size` and `sha256` are those of the whole part. */
type PartTerms = { upload: string; number: number; from?: number };

export type GrantSigner = {
  sign(terms: Terms, expiresAt: number): OneGrant;
  /** The terms of a request that carries a valid grant, else `grant_refused`. */
  check(request: { method?: string; url?: string; headers: IncomingHttpHeaders }): Terms;
};

/**
 * Grants of our own for the disk store, with the semantics of an S3 presigned URL. The signature covers method, path, the query
 * as it stands, and the headers that S3 would sign; so whatever is changed, added or left out no longer matches.
 */
export function createGrantSigner(options: { secret: Uint8Array; clock: () => number }): GrantSigner {
  const { secret, clock } = options;
  if (secret.length < 32) throw new Error(`the secret that signs grants has ${secret.length} bytes, needs at least 32`);

  const signature = (method: string, target: string, headers: Record<string, string | undefined>) => {
    const signed = method === "PUT" ? SIGNED_HEADERS.map((name) => `${name}:${headers[name] ?? ""}`) : [];
    // No part of the text can hold a newline, and its first line keeps other uses of the secret apart.
    const text = ["rendt-blob-1", method, target, ...signed].join("\n");
    return createHmac("sha256", secret).update(text).digest();
  };

  return {
    sign(terms, expiresAt) {
      assertKey(terms.key);
      const query = new URLSearchParams({ issued: String(clock()), expires: String(expiresAt) });
      const headers: Record<string, string> = {};
      if (terms.method === "PUT") {
        headers["content-length"] = String(terms.size - (terms.part?.from ?? 0));
        headers["x-amz-checksum-sha256"] = Buffer.from(terms.sha256, "hex").toString("base64");
        if (terms.part) {
          query.set("upload", terms.part.upload);
          query.set("part", String(terms.part.number));
          if (terms.part.from !== undefined) query.set("from", String(terms.part.from));
        } else headers["if-none-match"] = "*";
      }
      const target = `${BLOB_PATH}${terms.key}?${query}`;
      const url = `${target}&signature=${signature(terms.method, target, headers).toString("hex")}`;
      return { kind: "one", method: terms.method, url, headers, expiresAt };
    },

    check({ method = "", url = "", headers }) {
      const [, target, key, query, given] = url.match(GRANTED_URL) ?? [];
      if (!target || !key || !given || !isKey(key)) throw refusal("it carries no grant");
      const plain = Object.fromEntries(SIGNED_HEADERS.map((name) => [name, headers[name]?.toString()]));
      if (!timingSafeEqual(signature(method, target, plain), Buffer.from(given, "hex"))) {
        throw refusal("method, path, query or headers are not those of the grant");
      }
      const allowed = method === "PUT" ? SIGNED_HEADERS : [];
      const foreign = Object.keys(headers).find((name) => name.startsWith("x-amz-") && !allowed.includes(name));
      if (foreign) throw refusal(`header ${foreign} is not in the grant`);

      const terms = new URLSearchParams(query);
      const now = clock();
      if (!(Number(terms.get("expires")) >= now)) throw refusal("the grant has expired");
      if (!(Number(terms.get("issued")) <= now + MAX_AHEAD_MS))
        throw refusal("the grant is dated ahead: check the clock");
      if (method === "GET") return { method, key };
      if (method !== "PUT") throw refusal(`no grant allows ${method}`);
      const [upload, number, from] = [terms.get("upload"), Number(terms.get("part")), Number(terms.get("from") ?? 0)];
      return {
        method,
        key,
        size: from + Number(plain["content-length"]),
        sha256: Buffer.from(plain["x-amz-checksum-sha256"] ?? "", "base64").toString("hex"),
        ...(upload && { part: { upload, number, ...(from > 0 && { from }) } }),
      };
    },
  };
}

const SIGNED_HEADERS = ["content-length", "x-amz-checksum-sha256", "if-none-match"];
/** `signature` comes last; all before it is signed as it stands. */
const GRANTED_URL = /^(\/blobs\/([^?]+)\?([^#]*))&signature=([0-9a-f]{64})$/;

const refusal = (reason: string) => new RendtError("grant_refused", `the blob request is refused: ${reason}`);
