import { createHash } from "node:crypto";
import { RendtError } from "../../contract/errors.ts";
import { S3_LEAST_PART_BYTES } from "../../contract/limits.ts";
import { chooseParts, cutOf, type HeldPart } from "./parts.ts";
import type { Blobs } from "./port.ts";
import { type Ask, type Bucket, createSender, S3Error } from "./s3-send.ts";
import { escapeText, readElements, readText } from "./s3-xml.ts";

/**
 * Blobs in a bucket: grants are presigned URLs, and bytes never pass the server. The SDK's S3 client would be half of the Lambda's
 * bundle and load time for seven plain requests (docs/adr/0011-own-s3-signer.md), so they are signed and sent here.
 */
export function createS3Blobs(setup: Bucket): Blobs {
  const { send, presign } = createSender(setup);

  async function grant(ask: Ask & { key: string; method: "PUT" | "GET" }, expiresAt: number) {
    const { method, headers = {} } = ask;
    return { kind: "one" as const, method, url: await presign(ask, expiresAt), headers, expiresAt };
  }

  const head: Blobs["head"] = async (key) => {
    const ask: Ask = { method: "HEAD", key, headers: { "x-amz-checksum-mode": "ENABLED" } };
    // Without the permission to list a bucket, 403 is what S3 says of a missing object.
    const found = await send(ask).catch(unlessStatus(403, 404));
    const size = found?.headers.get("content-length");
    if (!found || size == null) return undefined;
    // Of an object in parts S3 knows only the hash of the parts' hashes, "<base64>-<parts>".
    const whole = found.headers.get("x-amz-checksum-sha256")?.match(/^[A-Za-z0-9+/]{43}=$/)?.[0];
    return { size: Number(size), ...(whole && { sha256: toHex(whole) }) };
  };

  async function* pages(ask: Ask, next: (page: string) => Record<string, string>): AsyncGenerator<string> {
    for (let more: Record<string, string> | undefined = {}; more; ) {
      const { body } = await send({ ...ask, query: { ...ask.query, ...more } });
      const page = body.toString();
      yield page;
      more = readText(page, "IsTruncated") === "true" ? next(page) : undefined;
    }
  }

  /** Of this very key the upload that began first; two that began at the same time agree on it from the next call on. */
  async function findUpload(key: string): Promise<string | undefined> {
    const { body } = await send({ method: "GET", query: { uploads: "", prefix: key } });
    const [first] = readElements(body.toString(), "Upload")
      .filter((found) => readText(found, "Key") === key)
      .sort((a, b) => Date.parse(readText(a, "Initiated") ?? "") - Date.parse(readText(b, "Initiated") ?? ""));
    return first && readText(first, "UploadId");
  }

  async function beginUpload(key: string): Promise<string> {
    const headers = { "x-amz-checksum-algorithm": "SHA256" };
    const { body } = await send({ method: "POST", key, query: { uploads: "" }, headers });
    const upload = readText(body.toString(), "UploadId");
    if (!upload) throw new Error(`S3 began an upload of ${key} without naming it`);
    return upload;
  }

  async function heldParts(key: string, upload: string): Promise<StoredPart[] | undefined> {
    const held: StoredPart[] = [];
    const ask: Ask = { method: "GET", key, query: { uploadId: upload } };
    try {
      for await (const page of pages(ask, (last) => ({ "part-number-marker": text(last, "NextPartNumberMarker") }))) {
        for (const part of readElements(page, "Part")) {
          const [number, size] = [Number(text(part, "PartNumber")), Number(text(part, "Size"))];
          const hash = readText(part, "ChecksumSHA256");
          if (hash) held.push({ number, size, sha256: toHex(hash), etag: text(part, "ETag") });
        }
      }
    } catch (error) {
      return unlessStatus(404)(error);
    }
    return held;
  }

  /** One request, which S3 does not charge for; a key that is not there is nothing. */
  async function removeAll(keys: readonly string[]): Promise<void> {
    const objects = keys.map((key) => `<Object><Key>${escapeText(key)}</Key></Object>`).join("");
    const body = `<Delete xmlns="${XML_NAMESPACE}"><Quiet>true</Quiet>${objects}</Delete>`;
    const hash = createHash("sha256").update(body).digest("base64");
    const headers = { "content-type": "application/xml", "x-amz-checksum-sha256": hash };
    await send({ method: "POST", query: { delete: "" }, headers, body });
  }

  return {
    grantPut(key, { size, sha256 }, expiresAt) {
      const headers = { ...contentHeaders(size, sha256), "if-none-match": "*" };
      return grant({ method: "PUT", key, query: { "x-id": "PutObject" }, headers }, expiresAt);
    },

    grantGet(key, expiresAt) {
      const query = {
        "response-content-disposition": "attachment",
        "response-content-type": "application/octet-stream",
        "x-id": "GetObject",
      };
      return grant({ method: "GET", key, query }, expiresAt);
    },

    async startParts(key, { size }) {
      const upload = (await findUpload(key)) ?? (await beginUpload(key));
      return { upload, ...cutOf(size, (await heldParts(key, upload)) ?? [], S3_LEAST_PART_BYTES) };
    },

    grantPart(key, { upload, number, size, sha256 }, expiresAt) {
      const query = { partNumber: String(number), uploadId: upload, "x-id": "UploadPart" };
      return grant({ method: "PUT", key, query, headers: contentHeaders(size, sha256) }, expiresAt);
    },

    async completeParts(key, blob, upload, parts) {
      try {
        const held = await heldParts(key, upload);
        if (!held)
          throw new RendtError("grant_refused", `upload ${upload} is unknown: it was ended, or aborted by age`);
        const etags = new Map(held.map((part) => [`${part.number} ${part.sha256}`, part.etag]));
        const chosen = chooseParts(blob.size, parts, held).map(({ number, sha256 }) => {
          const etag = escapeText(etags.get(`${number} ${sha256}`) ?? "");
          const hash = `<ChecksumSHA256>${toBase64(sha256)}</ChecksumSHA256>`;
          return `<Part>${hash}<ETag>${etag}</ETag><PartNumber>${number}</PartNumber></Part>`;
        });
        const body = `<CompleteMultipartUpload xmlns="${XML_NAMESPACE}">${chosen.join("")}</CompleteMultipartUpload>`;
        const headers = { "content-type": "application/xml", "if-none-match": "*" };
        await send({ method: "POST", key, query: { uploadId: upload }, headers, body });
      } catch (error) {
        // It was completed before, or by the same request sent twice, or sent whole (412): what counts is that the object is there.
        if ((await head(key))?.size !== blob.size) throw error;
      }
    },

    head,

    async read(key, limitBytes) {
      const found = await head(key);
      if (!found) return undefined;
      if (found.size > limitBytes) {
        throw new RendtError("body_too_large", `${key} has ${found.size} bytes, at most ${limitBytes} are read here`);
      }
      return (await send({ method: "GET", key })).body;
    },

    async remove(prefix, named) {
      let keys: string[] = [];
      for await (const key of named) {
        if (!key.startsWith(`${prefix.replace(/\/$/, "")}/`)) throw new Error(`${key} does not lie below ${prefix}`);
        keys.push(key);
        if (keys.length < MAX_DELETED_AT_ONCE) continue;
        await removeAll(keys);
        keys = [];
      }
      if (keys.length > 0) await removeAll(keys);
    },
  };
}

type StoredPart = HeldPart & { etag: string };

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const MAX_DELETED_AT_ONCE = 1000;
const XML_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

const contentHeaders = (size: number, sha256: string) => ({
  "content-length": String(size),
  "x-amz-checksum-sha256": toBase64(sha256),
});

const toBase64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");
const toHex = (base64: string) => Buffer.from(base64, "base64").toString("hex");

function text(xml: string, name: string): string {
  const found = readText(xml, name);
  if (found === undefined) throw new Error(`S3 answered without ${name}`);
  return found;
}

/** For catch: undefined when S3 answered one of these statuses, else the error. */
const unlessStatus =
  (...statuses: number[]) =>
  (error: unknown): undefined => {
    if (!(error instanceof S3Error) || !statuses.includes(error.status)) throw error;
  };
