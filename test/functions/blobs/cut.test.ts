import { expect, it } from "vitest";
import { MAX_BLOB_BYTES, MAX_PARTS, PART_BYTES, S3_LEAST_PART_BYTES } from "../../../contract/limits.ts";
import { cutOf, partSizeOf } from "../../../functions/blobs/parts.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

it.each([
  [41 * MIB, 5 * MIB],
  [1_000_000_000, 5 * MIB],
  [2 * GIB, 8 * MIB],
  [8 * GIB, 32 * MIB],
  [100 * GIB, 32 * MIB],
  [MAX_BLOB_BYTES, 512 * MIB],
])("a blob of %i bytes is sent to S3 in parts of %i", (size, part) => {
  expect(partSizeOf(size, S3_LEAST_PART_BYTES)).toBe(part);
  expect(Math.ceil(size / part)).toBeLessThanOrEqual(MAX_PARTS);
});

it("a store that keeps beginnings has parts as clients hash them beforehand, but of very large blobs", () => {
  expect(partSizeOf(41 * MIB, PART_BYTES)).toBe(PART_BYTES);
  expect(partSizeOf(300 * GIB, PART_BYTES)).toBe(PART_BYTES);
  expect(partSizeOf(MAX_BLOB_BYTES, PART_BYTES)).toBe(512 * MIB);
});

it("parts that were held when blobs were cut otherwise are sent anew, and the last one may be short", () => {
  const size = 12 * MIB;
  const held = (number: number, bytes: number) => ({ number, size: bytes, sha256: `${number}`.repeat(64) });
  const parts = [held(3, 2 * MIB), held(1, 5 * MIB), held(2, 12 * MIB), held(4, 5 * MIB), held(1, 5 * MIB)];
  expect(cutOf(size, parts, S3_LEAST_PART_BYTES)).toEqual({ partSize: 5 * MIB, held: [1, 3] });
});
