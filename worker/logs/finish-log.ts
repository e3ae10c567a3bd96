import { gzipSync } from "node:zlib";
import { INLINE_LOG_BYTES } from "../../contract/limits.ts";
import type { LogRef } from "../../contract/result.ts";
import { sayBytes } from "../say.ts";
import type { TaskLog } from "./task-log.ts";

/** The log of a task that ended, as its result names it; `files`: its bytes, when they follow as a blob; `dropped`: what to tell of it. */
export type FinishedLog = { ref: LogRef; files?: string[]; dropped?: string };

/** A short log travels in the result itself; undefined when nothing was printed. */
export async function finishLog(log: TaskLog, capBytes: number): Promise<FinishedLog | undefined> {
  const { stdoutBytes, stderrBytes, droppedBytes } = log.counts;
  const printed = { stdoutBytes, stderrBytes };
  if (log.counts.bytes === 0) return undefined;
  const whole = log.inMemory();
  const packed = whole && gzipSync(whole);
  if (packed && packed.length <= INLINE_LOG_BYTES)
    return { ref: { bytes: whole.length, ...printed, data: packed.toString("base64") } };
  const files = await log.close();
  const ref = { bytes: log.counts.bytes, ...printed };
  if (droppedBytes === 0) return { ref, files };
  const [all, left, most] = [stdoutBytes + stderrBytes, droppedBytes, capBytes].map(sayBytes);
  const dropped = `printed ${all}; ${left} of it were left out of the middle, because a log keeps ${most}`;
  return { ref: { ...ref, droppedBytes }, files, dropped };
}
