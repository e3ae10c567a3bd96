import { MAX_PARTS, PART_BYTES } from "../../contract/limits.ts";

const MIB = 1024 * 1024;

/** 32 MiB, or as many whole MiB as it takes for 10,000 parts to hold the blob. */
export const partSizeOf = (bytes: number): number => Math.max(PART_BYTES, Math.ceil(bytes / MAX_PARTS / MIB) * MIB);
