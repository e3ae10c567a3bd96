import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { INLINE_LOG_BYTES } from "../../contract/limits.ts";
import type { LogRef } from "../../contract/result.ts";
import { logFile, type Working } from "./state.ts";

/** Where the gzipped log lies when it is too long to travel inside the result. */
export const packedLogFile = (id: string): string => `${logFile(id)}.gz`;

/** The log of a run as the result names it; undefined when the command printed nothing. */
export function packLog(
  id: string,
  { stdoutBytes, stderrBytes }: NonNullable<Working["executed"]>,
): LogRef | undefined {
  const frames = readFileSync(logFile(id));
  if (frames.length === 0) return undefined;
  const counts = { bytes: frames.length, stdoutBytes, stderrBytes };
  const bytes = gzipSync(frames);
  if (bytes.length <= INLINE_LOG_BYTES) return { ...counts, data: bytes.toString("base64") };
  writeFileSync(packedLogFile(id), bytes, { mode: 0o600 });
  return { ...counts, blob: { sha256: createHash("sha256").update(bytes).digest("hex"), size: bytes.length } };
}
