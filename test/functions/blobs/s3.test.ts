import { randomBytes } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  paginateListObjectsV2,
  S3Client,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { S3_LEAST_PART_BYTES } from "../../../contract/limits.ts";
import { createS3Blobs } from "../../../functions/blobs/s3.ts";
import { describeBlobs } from "./blobs-contract.ts";
import type { Subject } from "./subject.ts";

/** Checks that a server is known to fail, by RENDT_TEST_S3_SERVER; S3 itself fails none. */
const GAPS: Record<string, string[]> = {
  // 1.5.33 refuses x-amz-acl on a PUT only, and never looks at x-amz-meta-*: AWS wants every x-amz-* header signed.
  ministack: [
    "a PUT grant refuses an unsigned x-amz-meta header",
    "a part grant refuses an unsigned x-amz-meta header",
    "a part grant refuses an unsigned x-amz-acl header",
    "a GET grant refuses an unsigned x-amz-meta header",
    "a GET grant refuses an unsigned x-amz-acl header",
  ],
  // 1.8.0 looks at the end of a grant's time only.
  versitygw: [
    "a PUT grant refuses a grant dated an hour ahead",
    "a part grant refuses a grant dated an hour ahead",
    "a GET grant refuses a grant dated an hour ahead",
  ],
};

const server = process.env["RENDT_TEST_S3_SERVER"] ?? "ministack";
const endpoint = process.env["RENDT_TEST_S3_ENDPOINT"];

const region = process.env["AWS_REGION"] ?? "us-east-1";
const own = {
  accessKeyId: process.env["AWS_ACCESS_KEY_ID"] ?? "test",
  secretAccessKey: process.env["AWS_SECRET_ACCESS_KEY"] ?? "test",
};
const anothers = { ...own, secretAccessKey: "another-secret" };

async function openS3(): Promise<Subject> {
  const client = new S3Client({ endpoint, forcePathStyle: true, region, credentials: own });
  const bucket = `rendt-test-${randomBytes(6).toString("hex")}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const offset = { offsetMs: 0 };
  const clock = () => Date.now() + offset.offsetMs;
  const reach = { bucket, region, endpoint, clock };
  return {
    blobs: createS3Blobs({ ...reach, credentials: async () => own }),
    stranger: createS3Blobs({ ...reach, credentials: async () => anothers }),
    clock: offset,
    origin: endpoint ?? "",
    partSize: S3_LEAST_PART_BYTES,
    tellsHash: true,
    names: { expires: "X-Amz-Expires", signature: "X-Amz-Signature", upload: "uploadId", part: "partNumber" },
    async close() {
      for await (const { Contents } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
        const Objects = Contents?.map(({ Key }) => ({ Key }));
        if (Objects?.length) await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
      }
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
}

if (endpoint) describeBlobs(`s3 (${server})`, { open: openS3, gaps: GAPS[server] });
else {
  describe("blobs: s3", () => {
    it.skip("skipped: RENDT_TEST_S3_ENDPOINT names no server; npm run test:stores starts one", () => expect(0).toBe(1));
  });
}
