import { gunzipSync } from "node:zlib";
import { createFrameDecoder, type LogFrame, type LogStream } from "../../contract/log-frames.ts";
import type { TaskResult } from "../../contract/result.ts";

/** What a task printed, as far as its result holds it itself. */
export function framesOf({ log }: TaskResult): LogFrame[] {
  if (log?.data === undefined) throw new Error("the result holds no log");
  return createFrameDecoder().push(gunzipSync(Buffer.from(log.data, "base64")));
}

export function textOf(result: TaskResult, stream?: LogStream): string {
  const chosen = framesOf(result).filter((frame) => stream === undefined || frame.stream === stream);
  return Buffer.concat(chosen.map(({ bytes }) => bytes)).toString("utf8");
}
