import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  paginateListParts,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { RendtError } from "../../contract/errors.ts";
import { chooseParts, type HeldPart, partSizeOf } from "./parts.ts";
import type { Blobs } from "./port.ts";

/** Else the SDK signs the CRC32 of an empty body into every PUT grant, and no body could match it. */
export const S3_CLIENT_OPTIONS = {
  requestChecksumCalculation: "WHEN_REQUIRED",
  responseChecksumValidation: "WHEN_REQUIRED",
} as const;

export type S3Options = {
  /** Made with S3_CLIENT_OPTIONS. */
  client: S3Client;
  bucket: string;
  clock: () => number;
};

/** Blobs in a bucket: grants are presigned URLs, and bytes never pass the server. */
export function createS3Blobs({ client, bucket, clock }: S3Options): Blobs {
  const until = (expiresAt: number) => {
    const now = clock();
    return {
      signingDate: new Date(now),
      // URLs know whole seconds: rounded down, this one is never good for longer than the grant says.
      expiresIn: Math.floor((expiresAt - now) / 1000),
      // Hoisted into the query, as the presigner would, S3 keeps the hash but does not compare it.
      unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
    };
  };

  const head: Blobs["head"] = async (key) => {
    const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" });
    // Without the permission to list a bucket, 403 is what S3 says of a missing object.
    const found = await client.send(command).catch(unlessStatus(403, 404));
    if (found?.ContentLength === undefined) return undefined;
    // Of an object in parts S3 knows only the hash of the parts' hashes, "<base64>-<parts>".
    const whole = found.ChecksumSHA256?.match(/^[A-Za-z0-9+/]{43}=$/)?.[0];
    return { size: found.ContentLength, ...(whole && { sha256: toHex(whole) }) };
  };

  async function heldParts(key: string, upload: string): Promise<StoredPart[] | undefined> {
    const held: StoredPart[] = [];
    try {
      for await (const page of paginateListParts({ client }, { Bucket: bucket, Key: key, UploadId: upload })) {
        for (const { PartNumber: number, Size: size, ChecksumSHA256: hash, ETag: etag } of page.Parts ?? []) {
          if (number && size !== undefined && hash && etag) held.push({ number, size, sha256: toHex(hash), etag });
        }
      }
    } catch (error) {
      return unlessStatus(404)(error);
    }
    return held;
  }

  return {
    async grantPut(key, { size, sha256 }, expiresAt) {
      const headers = { ...contentHeaders(size, sha256), "if-none-match": "*" };
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        ContentLength: size,
        ChecksumSHA256: headers["x-amz-checksum-sha256"],
        IfNoneMatch: "*",
      });
      return {
        kind: "one",
        method: "PUT",
        url: await getSignedUrl(client, command, until(expiresAt)),
        headers,
        expiresAt,
      };
    },

    async grantGet(key, expiresAt) {
      const command = new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ResponseContentDisposition: "attachment",
        ResponseContentType: "application/octet-stream",
      });
      return {
        kind: "one",
        method: "GET",
        url: await getSignedUrl(client, command, until(expiresAt)),
        headers: {},
        expiresAt,
      };
    },

    async startParts(key, { size }) {
      const begun = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }));
      // Two that began at the same time agree on the older one from the next call on.
      const [known] = (begun.Uploads ?? [])
        .filter((found) => found.Key === key)
        .sort((a, b) => Number(a.Initiated) - Number(b.Initiated));
      const begin = new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ChecksumAlgorithm: "SHA256" });
      const { UploadId: upload } = known ?? (await client.send(begin));
      if (!upload) throw new Error(`S3 began an upload of ${key} without naming it`);
      const held = (await heldParts(key, upload)) ?? [];
      return { upload, partSize: partSizeOf(size), held: held.map((part) => part.number) };
    },

    async grantPart(key, { upload, number, size, sha256 }, expiresAt) {
      const headers = contentHeaders(size, sha256);
      const command = new UploadPartCommand({
        Bucket: bucket,
        Key: key,
        UploadId: upload,
        PartNumber: number,
        ContentLength: size,
        ChecksumSHA256: headers["x-amz-checksum-sha256"],
      });
      return {
        kind: "one",
        method: "PUT",
        url: await getSignedUrl(client, command, until(expiresAt)),
        headers,
        expiresAt,
      };
    },

    async completeParts(key, blob, upload, parts) {
      try {
        const held = await heldParts(key, upload);
        if (!held)
          throw new RendtError("grant_refused", `upload ${upload} is unknown: it was ended, or aborted by age`);
        const etags = new Map(held.map((part) => [`${part.number} ${part.sha256}`, part.etag]));
        const chosen = chooseParts(blob.size, parts, held).map(({ number, sha256 }) => ({
          PartNumber: number,
          ETag: etags.get(`${number} ${sha256}`),
          ChecksumSHA256: toBase64(sha256),
        }));
        const command = new CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          UploadId: upload,
          IfNoneMatch: "*",
          MultipartUpload: { Parts: chosen },
        });
        await client.send(command);
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
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Body?.transformToByteArray();
    },

    async removePrefix(prefix) {
      const place = { Bucket: bucket, Prefix: `${prefix.replace(/\/$/, "")}/` };
      try {
        for await (const { Contents } of paginateListObjectsV2({ client }, place)) {
          const Objects = Contents?.map(({ Key }) => ({ Key }));
          if (!Objects?.length) continue;
          const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } });
          const { Errors } = await client.send(command);
          if (Errors?.length) throw new Error(`S3 kept ${Errors.length} objects: ${Errors[0]?.Key} ${Errors[0]?.Code}`);
        }
      } catch (error) {
        // The API's role may not list by design: then the bucket's lifecycle rules remove what is old.
        unlessStatus(403)(error);
      }
    },
  };
}

type StoredPart = HeldPart & { etag: string };

const contentHeaders = (size: number, sha256: string) => ({
  "content-length": String(size),
  "x-amz-checksum-sha256": toBase64(sha256),
});

const toBase64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");
const toHex = (base64: string) => Buffer.from(base64, "base64").toString("hex");

/** For catch: undefined when S3 answered one of these statuses, else the error. */
const unlessStatus =
  (...statuses: number[]) =>
  (error: unknown): undefined => {
    const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
    if (status === undefined || !statuses.includes(status)) throw error;
  };
