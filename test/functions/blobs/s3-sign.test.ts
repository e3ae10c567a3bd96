import { GetObjectCommand, PutObjectCommand, S3Client, UploadPartCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createS3Blobs } from "../../../functions/blobs/s3.ts";
import { base64 } from "./subject.ts";

/** Calls the SDK's own presigner, told to bind what it would leave open. */
function bySdk(world: World, sign: (client: S3Client, options: SdkOptions) => Promise<string>): Promise<string> {
  const client = new S3Client({
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    region: world.region,
    credentials: world.credentials,
    ...(world.endpoint && { endpoint: world.endpoint, forcePathStyle: true }),
  });
  const signingDate = new Date(world.now);
  const unhoistableHeaders = new Set(["x-amz-checksum-sha256"]);
  return sign(client, { signingDate, expiresIn: world.seconds, unhoistableHeaders });
}
type SdkOptions = { signingDate: Date; expiresIn: number; unhoistableHeaders: Set<string> };

const letters = (alphabet: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength, maxLength });
const SAFE = "abcXYZ019_-";
const NASTY = "aZ9+/=&?%~ !'()*é#";

const worlds = fc.record({
  region: fc.constantFrom("us-east-1", "eu-central-1"),
  endpoint: fc.constantFrom(undefined, "https://127.0.0.1:4566", "http://localhost:7070"),
  credentials: fc.record({
    accessKeyId: letters("ABCDEFGH0123456789", 16, 20),
    secretAccessKey: letters(`${SAFE}+/`, 20, 40),
    sessionToken: fc.option(letters(NASTY, 1, 200), { nil: undefined }),
  }),
  now: fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2034, 0) }),
  seconds: fc.integer({ min: 1, max: 604_800 }),
  key: fc.array(letters(SAFE, 1, 30), { minLength: 2, maxLength: 6 }).map((parts) => parts.join("/")),
  size: fc.integer({ min: 0, max: 5_000_000_000 }),
  sha256: letters("0123456789abcdef", 64, 64),
  upload: letters(NASTY, 1, 100),
  number: fc.integer({ min: 1, max: 10_000 }),
});
type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

const ours = (world: World) =>
  createS3Blobs({
    bucket: "a-bucket",
    region: world.region,
    endpoint: world.endpoint,
    credentials: async () => world.credentials,
    clock: () => world.now,
  });
const until = ({ now, seconds }: World) => now + seconds * 1000 + 999;
const place = ({ key }: World) => ({ Bucket: "a-bucket", Key: key });

describe("a grant is byte for byte what the SDK's presigner makes", () => {
  const same = (make: (world: World) => Promise<{ got: { url: string }; wanted: string }>) =>
    fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const { got, wanted } = await make(world);
        expect(got.url).toBe(wanted);
      }),
    );

  it("for a PUT of exact content", () =>
    same(async (world) => {
      const command = new PutObjectCommand({
        ...place(world),
        ContentLength: world.size,
        ChecksumSHA256: base64(world.sha256),
        IfNoneMatch: "*",
      });
      const wanted = await bySdk(world, (client, options) => getSignedUrl(client, command, options));
      return { got: await ours(world).grantPut(world.key, world, until(world)), wanted };
    }));

  it("for a GET", () =>
    same(async (world) => {
      const command = new GetObjectCommand({
        ...place(world),
        ResponseContentDisposition: "attachment",
        ResponseContentType: "application/octet-stream",
      });
      const wanted = await bySdk(world, (client, options) => getSignedUrl(client, command, options));
      return { got: await ours(world).grantGet(world.key, until(world)), wanted };
    }));

  it("for a part", () =>
    same(async (world) => {
      const command = new UploadPartCommand({
        ...place(world),
        UploadId: world.upload,
        PartNumber: world.number,
        ContentLength: world.size,
        ChecksumSHA256: base64(world.sha256),
      });
      const wanted = await bySdk(world, (client, options) => getSignedUrl(client, command, options));
      return { got: await ours(world).grantPart(world.key, world, until(world)), wanted };
    }));
});
